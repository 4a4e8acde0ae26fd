#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace regex_search {

/// The pattern cannot be used: what() names the byte offset in it and the reason.
class PatternError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A line on which the pattern could not be decided within the limits (it backtracks without end).
class MatchError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Finds the lines that match a Perl regular expression, as `LC_ALL=C grep -P` does: bytes, not UTF-8; each line by itself, its
/// newline not part of it.
///
/// Threads: one Matcher serves one thread at a time. Memory: the compiled pattern and at most matcher_stack_bytes_max while
/// matching.
class Matcher {
 public:
  /// Longest pattern that is accepted.
  static constexpr std::size_t pattern_bytes_max = std::size_t{64} << 10;
  /// What one match may use to remember where to go back to; beyond it, MatchError.
  static constexpr std::size_t matcher_stack_bytes_max = std::size_t{8} << 20;

  /// Throws PatternError: the pattern is wrong, too long, or contains a newline (which no line has).
  explicit Matcher(std::string_view pattern);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  /// A line within the text that was searched, its newline excluded.
  struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// The first matching line of `text` that begins at or after `from`, which must be the begin of a line (so at most
  /// text.size()). `text` is lines with a newline between each two and none at the end: the empty text is one empty line. Throws
  /// MatchError for the first line that cannot be decided.
  std::optional<Line> next(std::string_view text, std::size_t from);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace regex_search
