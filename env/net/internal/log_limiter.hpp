#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "env/host/internal/clock.hpp"

namespace corps::net {

/// Passes a limited number of lines each second on; the next line that passes says how many did not.
/// Threads: one at a time.
class LogLimiter {
 public:
  LogLimiter(std::function<void(std::string_view)> log, host::Clock& clock, std::uint32_t lines_per_second_max)
      : log_(std::move(log)), clock_(clock), lines_per_second_max_(lines_per_second_max) {}

  void operator()(std::string line) {
    if (!log_) return;
    constexpr std::uint64_t second_ns = 1'000'000'000;
    auto const now_ns = clock_.monotonic_ns();
    if (lines_ == 0 || now_ns - began_ns_ >= second_ns) {
      began_ns_ = now_ns;
      lines_ = 0;
    }
    if (lines_ == lines_per_second_max_) {
      ++left_out_;
      return;
    }
    ++lines_;
    if (left_out_ != 0) line += " (" + std::to_string(left_out_) + " lines before this one were left out)";
    left_out_ = 0;
    log_(line);
  }

 private:
  std::function<void(std::string_view)> log_;
  host::Clock& clock_;
  std::uint32_t lines_per_second_max_;
  std::uint32_t lines_ = 0;  // in the second that began at began_ns_
  std::uint64_t began_ns_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace corps::net
