#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol.hpp"

namespace regex_search {

/// The state of a search, in one line on a terminal, at most every `interval`. On anything but a terminal it says nothing.
///
/// The time is handed in: any steady clock, from any zero. The line is returned, not written, so that the owner of the descriptor
/// writes it. Threads: one at a time.
class Progress {
 public:
  using Time = std::chrono::microseconds;
  static constexpr Time interval = std::chrono::milliseconds(100);

  /// `columns`: the width of the terminal; no line is longer.
  Progress(bool terminal, std::size_t columns, Time start) : terminal_(terminal), columns_(columns), start_(start) {}

  /// What to write to the terminal now; empty if it is too early. `files_found` are those the walk has found so far, `walked` is
  /// whether these are all.
  std::string update(Time now, Counts const& done, std::uint64_t problems, std::uint64_t files_found, bool walked);

  /// What takes the line away again, before other lines are written; empty if there is none.
  std::string clear();

 private:
  bool terminal_;
  std::size_t columns_;
  Time start_;
  Time last_{0};
  bool shown_ = false;
};

/// What one Env did.
struct Share {
  std::uint32_t env = 0;
  Counts counts;
  std::chrono::microseconds busy{0};  // of all its Searchers together
};

/// The report at the end: one line for the whole and one for each Env, each ended by a newline.
std::string summary(std::vector<Share> const& shares, std::uint64_t problems, std::chrono::microseconds elapsed);

}  // namespace regex_search
