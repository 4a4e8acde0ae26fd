#pragma once

#include <cstdint>
#include <ctime>

namespace corps::host {

/// As system calls want it; of a time or a duration that is not negative.
constexpr timespec to_timespec(std::int64_t ns) noexcept {
  constexpr std::int64_t second_ns = 1'000'000'000;
  return {.tv_sec = ns / second_ns, .tv_nsec = ns % second_ns};
}

/// Rounded up, and at most an hour.
constexpr int to_milliseconds(timespec const& time) noexcept {
  constexpr std::int64_t hour_s = 3600;
  if (time.tv_sec >= hour_s) return hour_s * 1000;
  return static_cast<int>(time.tv_sec * 1000 + (time.tv_nsec + 999'999) / 1'000'000);
}

}  // namespace corps::host
