#include "env/mail/internal/deadline_clock.hpp"

#include <atomic>
#include <chrono>

#include "corps/detail/runtime.hpp"
#include "env/host/internal/cores.hpp"
#include "env/mail/internal/call_cycle.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {
namespace {

constexpr std::int64_t resolution_ns = 1'000'000;

std::atomic<DeadlineClock*> active{nullptr};

}  // namespace

void send_tick(detail::Cell& cell) {
  auto& tick = cell.extra_if_any()->tick;
  if (tick.on_its_way.exchange(true, std::memory_order_acq_rel)) return;
  tick.target = cell.id.load(std::memory_order_relaxed);
  if (!cell.push(&tick)) tick.on_its_way.store(false, std::memory_order_release);
}

DeadlineClock::DeadlineClock() : thread_([this] { run(); }) { active.store(this, std::memory_order_release); }

DeadlineClock::~DeadlineClock() {
  active.store(nullptr, std::memory_order_release);
  {
    std::lock_guard const lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void DeadlineClock::arm(detail::Cell& cell, std::int64_t at_ns) {
  bool earliest = false;
  {
    std::lock_guard const lock{mutex_};
    take_out(cell);
    earliest = entries_.empty() || at_ns < entries_.begin()->first;
    entries_.insert({at_ns, &cell});
    cell.extra().in_clock_ns = at_ns;
  }
  if (earliest) changed_.notify_one();
}

void DeadlineClock::forget(detail::Cell& cell) noexcept {
  std::lock_guard const lock{mutex_};
  take_out(cell);
}

std::size_t DeadlineClock::size() {
  std::lock_guard const lock{mutex_};
  return entries_.size();
}

void DeadlineClock::take_out(detail::Cell& cell) noexcept {
  auto& in_clock_ns = cell.extra().in_clock_ns;
  if (in_clock_ns == detail::never_ns) return;
  entries_.erase({in_clock_ns, &cell});
  in_clock_ns = detail::never_ns;
}

void DeadlineClock::run() {
  host::name_thread("corps.clock");
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    auto const at = entries_.begin()->first;
    if (at > detail::now_ns()) {
      auto const wake = std::chrono::steady_clock::time_point{std::chrono::nanoseconds{at + resolution_ns}};
      changed_.wait_until(lock, wake);
      continue;
    }
    auto& cell = *entries_.begin()->second;
    take_out(cell);
    send_tick(cell);  // under the mutex: a Worker that ends waits here, in forget
  }
}

void forget_deadlines(detail::Cell& cell) noexcept {
  if (cell.extra_if_any() == nullptr) return;  // it was never armed
  if (auto* const clock = active.load(std::memory_order_acquire))
    clock->forget(cell);
  else if (sched::simulation != nullptr)
    sched::simulation->forget(cell);
}

}  // namespace corps::mail

namespace corps::detail {

void arm(Cell& cell, std::int64_t at_ns) noexcept {
  cell.armed_ns = at_ns;
  if (cell.is_port()) return;  // a plain thread looks at its deadlines itself, while it waits
  (void)cell.extra();          // where the tick is
  if (auto* const clock = mail::active.load(std::memory_order_acquire))
    clock->arm(cell, at_ns);
  else if (sched::simulation != nullptr)
    sched::simulation->arm(cell, at_ns);
}

void Tick::arrive(Cell& cell) {
  on_its_way.store(false, std::memory_order_release);
  cell.armed_ns = never_ns;
  if (auto const earliest = cell.end_overdue(now_ns()); earliest != never_ns) arm(cell, earliest);
  mail::look_for_cycles(cell);
}

}  // namespace corps::detail
