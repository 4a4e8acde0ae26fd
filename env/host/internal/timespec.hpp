#pragma once

#include <cstdint>
#include <ctime>

namespace corps::host {

/// As system calls want it; of a time or a duration that is not negative.
constexpr timespec to_timespec(std::int64_t ns) noexcept {
  constexpr std::int64_t second_ns = 1'000'000'000;
  return {.tv_sec = ns / second_ns, .tv_nsec = ns % second_ns};
}

}  // namespace corps::host
