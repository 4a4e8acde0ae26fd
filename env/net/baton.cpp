#include "env/net/internal/baton.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "corps/detail/runtime.hpp"
#include "env/host/internal/timespec.hpp"

namespace corps::net {

namespace {

/// The alarm has rung, or will at once.
constexpr std::int64_t at_once_ns = 1;

}  // namespace

Baton::Baton() : alarm_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  if (!alarm_) throw std::system_error(errno, std::generic_category(), "cannot make a timer for the event loop");
}

bool Baton::take() noexcept {
  return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_seq_cst);
}

// Who leaves says so, and then looks at the alarm; the loop's own thread resets the alarm, and then looks who is there. So one of
// them sees the other.
void Baton::leave(std::int64_t now_ns) noexcept {
  left_at_ns_.store(now_ns, std::memory_order_relaxed);
  taken_.store(false, std::memory_order_seq_cst);
  ring_at(now_ns + absence_ns_max);
}

void Baton::call_home() noexcept {
  called_home_.store(true, std::memory_order_seq_cst);
  ring_at(at_once_ns);
}

void Baton::ring_at(std::int64_t at_ns) noexcept {
  auto const rings_in_time = [&] {
    auto const set = rings_at_ns_.load(std::memory_order_seq_cst);
    return set != 0 && set <= at_ns;
  };
  if (rings_in_time()) return;
  std::lock_guard const lock{mutex_};
  if (rings_in_time()) return;
  rings_at_ns_.store(at_ns, std::memory_order_seq_cst);
  itimerspec const setting{.it_interval = {}, .it_value = host::to_timespec(at_ns)};
  ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

void Baton::wait_for_ring() noexcept {
  std::uint64_t rings = 0;
  while (::read(alarm_.get(), &rings, sizeof(rings)) < 0 && errno == EINTR) {
  }
  std::lock_guard const lock{mutex_};
  rings_at_ns_.store(0, std::memory_order_seq_cst);
}

void Baton::await() noexcept {
  for (;;) {
    wait_for_ring();
    bool const called = called_home_.exchange(false, std::memory_order_seq_cst);
    if (is_taken()) continue;  // who leaves sets the alarm
    auto const needed_ns = left_at_ns_.load(std::memory_order_relaxed) + absence_ns_max;
    if (!called && detail::now_ns() < needed_ns)
      ring_at(needed_ns);
    else if (take())
      return;
  }
}

}  // namespace corps::net
