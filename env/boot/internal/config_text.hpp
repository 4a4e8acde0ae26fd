#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace corps::startup {

/// What is wrong with one value and what to do about it. Whoever knows the place turns it into a ConfigError.
class BadValue : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Text of a user made fit for a one-line message: control characters and broken UTF-8 escaped, long text cut.
std::string printable(std::string_view text);

/// As printable(), in single quotes.
std::string in_quotes(std::string_view text);

/// Offset of the first byte that is not UTF-8, or npos.
std::size_t find_bad_utf8(std::string_view text) noexcept;

/// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

/// Insertions, deletions and replacements that turn one word into the other. Meant for short words.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace corps::startup
