#include "env/host/internal/wake_timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "env/host/internal/timespec.hpp"

namespace corps::host {

WakeTimer::WakeTimer(char const* purpose) : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  if (!timer_) throw std::system_error(errno, std::generic_category(), purpose);
}

void WakeTimer::ring_at(std::int64_t at_ns) noexcept {
  auto const rings_in_time = [&] {
    auto const set = rings_at_ns_.load(std::memory_order_seq_cst);
    return set != 0 && set <= at_ns;
  };
  if (rings_in_time()) return;
  std::lock_guard const lock{mutex_};
  if (rings_in_time()) return;
  rings_at_ns_.store(at_ns, std::memory_order_seq_cst);
  itimerspec const setting{.it_interval = {}, .it_value = to_timespec(at_ns)};
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

void WakeTimer::wait() noexcept {
  std::uint64_t rings = 0;
  while (::read(timer_.get(), &rings, sizeof(rings)) < 0 && errno == EINTR) {
  }
  std::lock_guard const lock{mutex_};
  rings_at_ns_.store(0, std::memory_order_seq_cst);
}

}  // namespace corps::host
