#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "env/boot/internal/settings.hpp"

namespace corps::startup {

/// How the value of a key is written and checked.
enum class Kind : std::uint8_t {
  count,          // whole number
  count_or_auto,  // whole number, or "auto", kept as 0
  bytes,          // "256KiB"
  duration,       // "5s", kept in nanoseconds
  text,           // any text without control characters
  path,           // the same, kept absolute: relative to the folder of the file that sets it
  tag,            // 1 to 64 characters of A-Z a-z 0-9 _ . -
  word,           // one of `words`, kept as its position
  endpoint,       // "127.0.0.1:0", or empty
  table,          // of the application; not in Settings
};

/// The value of a key, whatever its kind: numbers in the smallest unit, or text.
struct Value {
  std::int64_t number = 0;
  std::string text;
};

struct Key {
  std::string_view name;  // "limits.request_timeout"
  Kind kind;
  std::int64_t min;  // in the unit of Value::number; of texts the length in bytes
  std::int64_t max;
  std::string_view words;         // "exit|serve", in the order of the enum; of Kind::word
  std::string_view default_note;  // where the default is not a constant; else empty
  std::string_view meaning;       // one line
  Value (*read)(Settings const&);
  void (*write)(Settings&, Value const&);
};

inline constexpr std::string_view args_key = "corps.args";

/// The one table of all keys, in the order in which they are shown.
std::span<Key const> keys() noexcept;

/// Null if there is no such key.
Key const* find_key(std::string_view name) noexcept;

/// The key that was probably meant, or null if none is near.
Key const* nearest_key(std::string_view unknown);

/// CORPS_LIMITS_FRAME of "limits.frame".
std::string environment_name(std::string_view key);

/// The value as it is written in a file, without quotes.
std::string show(Key const& key, Value const& value);
std::string show_default(Key const& key);

/// "4KiB to 16MiB", "exit or serve".
std::string show_range(Key const& key);

/// The units or alphabet in which the value is written; empty for plain texts and words.
std::string_view unit_of(Key const& key) noexcept;

}  // namespace corps::startup
