#include "env/sched/internal/bell.hpp"

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "env/host/internal/futex.hpp"

namespace corps::sched {
namespace {

constexpr std::uint32_t quiet = 0;
constexpr std::uint32_t rung = 1;
constexpr std::uint32_t asleep = 2;      // whoever rings must wake the thread
constexpr std::uint32_t is_outside = 3;  // whoever rings must interrupt it there

}  // namespace

void Bell::ring() noexcept {
  auto const before = state_.exchange(rung, std::memory_order_acq_rel);
  if (before == asleep) host::wake_sleeper(state_);
  if (before == is_outside) outside_.load(std::memory_order_relaxed)->interrupt();
}

void Bell::wait() noexcept { (void)sleep_until(detail::never_ns); }

bool Bell::wait_for(std::chrono::nanoseconds limit) noexcept { return sleep_until(detail::now_ns() + limit.count()); }

bool Bell::wait_at(Outside& outside) noexcept {
  outside_.store(&outside, std::memory_order_relaxed);
  auto state = quiet;
  if (state_.compare_exchange_strong(state, is_outside, std::memory_order_acq_rel, std::memory_order_acquire)) outside.sleep();
  return state_.exchange(quiet, std::memory_order_acq_rel) == rung;
}

bool Bell::sleep_until(std::int64_t until_ns) noexcept {
  auto state = quiet;
  if (state_.compare_exchange_strong(state, asleep, std::memory_order_acq_rel, std::memory_order_acquire)) {
    do {
      host::sleep_while(state_, asleep, until_ns);
      state = state_.load(std::memory_order_acquire);
    } while (state == asleep && detail::now_ns() < until_ns);
  }
  return state_.exchange(quiet, std::memory_order_acq_rel) == rung;
}

}  // namespace corps::sched
