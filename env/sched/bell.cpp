#include "env/sched/internal/bell.hpp"

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "env/host/internal/futex.hpp"

namespace corps::sched {
namespace {

constexpr std::uint32_t quiet = 0;
constexpr std::uint32_t rung = 1;
constexpr std::uint32_t asleep = 2;  // whoever rings must wake the thread

}  // namespace

void Bell::ring() noexcept {
  if (state_.exchange(rung, std::memory_order_acq_rel) == asleep) host::wake_sleeper(state_);
}

void Bell::wait() noexcept { (void)sleep_until(detail::never_ns); }

bool Bell::wait_for(std::chrono::nanoseconds limit) noexcept { return sleep_until(detail::now_ns() + limit.count()); }

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
