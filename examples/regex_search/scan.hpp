#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "matcher.hpp"
#include "protocol.hpp"

namespace regex_search {

/// Searches files as `LC_ALL=C grep -nIP` does and packs the hits as they are printed.
///
/// Files are read in blocks aligned at multiples of block_bytes. A file with a NUL byte in its first block, or with a hole behind
/// it, is binary and gives nothing. A NUL byte in a later block ends the search of the file there: the hits of the lines that
/// were complete in the blocks before it stand. (grep does the same, its later blocks end a page or so elsewhere.)
///
/// A line longer than line_bytes_max is matched by its first line_bytes_max bytes, as if it ended there, and is printed so far
/// with line_cut_mark behind.
///
/// Threads: one Scanner serves one thread at a time. Memory: one buffer of buffer_bytes, whatever the size of files and lines.
class Scanner {
 public:
  static constexpr std::size_t block_bytes = std::size_t{96} << 10;
  static constexpr std::size_t buffer_bytes = line_bytes_max + 2 * block_bytes;

  Scanner();

  /// Goes on with `job` at `from` until all its files are searched or the Part is full (part_text_bytes_max of hits,
  /// part_read_bytes_max read). A file that cannot be read, or on which the pattern cannot be decided, is a problem in the Part
  /// and the search goes on behind it. Never throws but for lack of memory. A cursor that does not fit the job ends it. `matcher`
  /// must be one of job.pattern. Part::busy_us is left to the caller, who has the clock.
  Part search(Matcher& matcher, Job const& job, Cursor from);

 private:
  std::unique_ptr<char[]> buffer_;
};

/// The newlines in `text`.
std::size_t count_newlines(std::string_view text) noexcept;

}  // namespace regex_search
