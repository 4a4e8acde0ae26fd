#include "env/sched/internal/bell.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"

namespace corps::sched {
namespace {

constexpr std::uint32_t quiet = 0;
constexpr std::uint32_t rung = 1;
constexpr std::uint32_t asleep = 2;  // whoever rings must wake the thread

/// std::binary_semaphore yields the core a few times first, and asks for a futex that processes may share: dearer at both ends.
long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, timespec const* until = nullptr) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t));
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void Bell::ring() noexcept {
  if (state_.exchange(rung, std::memory_order_acq_rel) == asleep) futex(state_, FUTEX_WAKE_PRIVATE, 1);
}

void Bell::wait() noexcept { (void)sleep_until(detail::never_ns); }

bool Bell::wait_for(std::chrono::nanoseconds limit) noexcept { return sleep_until(detail::now_ns() + limit.count()); }

bool Bell::sleep_until(std::int64_t until_ns) noexcept {
  constexpr std::int64_t ns_per_s = 1'000'000'000;
  timespec const until{until_ns / ns_per_s, until_ns % ns_per_s};
  auto state = quiet;
  if (state_.compare_exchange_strong(state, asleep, std::memory_order_acq_rel, std::memory_order_acquire)) {
    do {
      futex(state_, FUTEX_WAIT_BITSET_PRIVATE, asleep, until_ns == detail::never_ns ? nullptr : &until);
      state = state_.load(std::memory_order_acquire);
    } while (state == asleep && detail::now_ns() < until_ns);
  }
  return state_.exchange(quiet, std::memory_order_acq_rel) == rung;
}

}  // namespace corps::sched
