#pragma once

#include <linux/futex.h>

#include <cstdint>
#include <ctime>

#include "test/explore/explorer.hpp"

/// The kernel's futex and the clock, for sources in which a macro puts `explore::futex_call` in place of `syscall`.
namespace explore {

/// Names memory that tells states apart.
struct Kernel {
  std::uint32_t const* slept_at[Explorer::threads_max];  // null: awake, or just woken
  std::int64_t now_ns[Explorer::threads_max];            // for a thread, time stands still until it has slept too long

  std::int64_t& clock() noexcept { return now_ns[the().current()]; }
};
inline Kernel kernel;

inline void sleep_at(std::uint32_t const* word, std::uint32_t value, timespec const* until) {
  if (reinterpret_cast<Atomic<std::uint32_t> const*>(word)->now() != value) return;
  auto const me = the().current();
  kernel.slept_at[me] = word;
  the().point([me, until] { return kernel.slept_at[me] == nullptr || (until != nullptr && the().may_time_out()); });
  if (kernel.slept_at[me] == nullptr) return;
  the().time_out();
  kernel.slept_at[me] = nullptr;
  kernel.clock() = std::int64_t{until->tv_sec} * 1'000'000'000 + until->tv_nsec;
}

inline void wake_one_at(std::uint32_t const* word) {
  for (auto& slept_at : kernel.slept_at) {
    if (slept_at != word) continue;
    slept_at = nullptr;
    return;
  }
}

inline long futex_call(long, std::uint32_t* word, int operation, std::uint32_t value, timespec const* until, void const*,
                       std::uint32_t) {
  the().point();
  operation == FUTEX_WAKE_PRIVATE ? wake_one_at(word) : sleep_at(word, value, until);
  return 0;
}

}  // namespace explore
