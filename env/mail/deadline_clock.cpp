#include "env/mail/internal/deadline_clock.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "corps/detail/runtime.hpp"
#include "env/host/internal/thread.hpp"
#include "env/host/internal/wake_timer.hpp"
#include "env/mail/internal/call_cycle.hpp"
#include "env/mail/internal/select.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {
namespace {

using detail::Alarm;
using detail::Alarmed;
using detail::CalledOff;
using detail::never_ns;

constexpr std::int64_t resolution_ns = 1'000'000;
constexpr int done_at_once_max = 64;  // then frames have their turn
/// What is due for so long is not left to the event loop any more.
constexpr std::int64_t left_to_loop_ns = 5'000'000;

/// Guards the pointer, so that a thread that the Env does not know never meets a clock that is being destroyed.
std::mutex active_mutex;
DeadlineClock* active = nullptr;
/// Alarms that end with a Worker: Workers that end look here first, and nearly always find none.
std::atomic<std::size_t> owned_count{0};

/// When to look again for what is due then: all that comes within one step of the resolution is done in one go.
std::int64_t rounded_up(std::int64_t at_ns) noexcept {
  return at_ns > never_ns - resolution_ns ? never_ns : (at_ns + resolution_ns - 1) / resolution_ns * resolution_ns;
}

}  // namespace

void send_tick(detail::Cell& cell) {
  auto& tick = cell.extra_if_any()->tick;
  if (tick.on_its_way.exchange(true, std::memory_order_acq_rel)) return;
  tick.target = cell.id.load(std::memory_order_relaxed);
  if (!cell.push(&tick)) tick.on_its_way.store(false, std::memory_order_release);
}

struct DeadlineClock::Late {
  host::WakeTimer timer{"cannot make a timer for the clock"};
  std::thread thread;
};

DeadlineClock::DeadlineClock(std::function<void(std::int64_t due_ns)> on_sooner) : on_sooner_(std::move(on_sooner)) {
  if (on_sooner_) {
    late_ = std::make_unique<Late>();
    late_->thread = host::start_thread("corps clock", [this] { do_what_is_late(); });
  }
  std::lock_guard const lock{active_mutex};
  active = this;
}

DeadlineClock::~DeadlineClock() {
  {
    std::lock_guard const lock{active_mutex};
    active = nullptr;
  }
  {
    std::lock_guard const lock{mutex_};
    stopping_ = true;
  }
  if (late_ != nullptr) {
    late_->timer.ring();
    late_->thread.join();
  }
  Holds holds;
  {
    std::lock_guard const lock{active_mutex};  // who calls an alarm off meanwhile writes to it, too
    while (!alarms_.empty()) let_go(*alarms_.begin()->second, holds);
    while (!owned_.empty()) let_go(*owned_.begin()->second, holds);
  }
  give_back(holds);
}

// --- deadlines of calls ------------------------------------------------------------------------------------------

void DeadlineClock::arm(detail::Cell& cell, std::int64_t at_ns) {
  bool is_sooner = false;
  {
    std::lock_guard const lock{mutex_};
    take_out(cell);
    entries_.insert({at_ns, &cell});
    cell.extra().in_clock_ns = at_ns;
    is_sooner = note_earliest();
  }
  tell(is_sooner);
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
  if (in_clock_ns == never_ns) return;
  entries_.erase({in_clock_ns, &cell});
  in_clock_ns = never_ns;
}

// --- alarms ------------------------------------------------------------------------------------------------------

Alarmed DeadlineClock::set_alarm(Alarm& alarm, std::int64_t at_ns, bool again) {
  bool is_sooner = false;
  {
    std::lock_guard const lock{mutex_};
    if (alarm.called_off) return Alarmed::called_off;
    if (stopping_) return Alarmed::no_clock;
    if (!again && alarms_.size() >= detail::env_facts.timers_max) return Alarmed::full;
    if (alarm.number == 0) alarm.number = ++alarms_numbered_;
    alarms_.emplace(std::pair{at_ns, alarm.number}, &alarm);
    alarm.at_ns = at_ns;
    is_sooner = note_earliest();
  }
  tell(is_sooner);
  return Alarmed::set;
}

CalledOff DeadlineClock::call_off(Alarm& alarm) noexcept {
  std::lock_guard const lock{mutex_};
  return take_out(alarm);
}

bool DeadlineClock::end_with(Alarm& alarm, ConcId owner) {
  std::lock_guard const lock{mutex_};
  if (alarm.called_off) return false;
  owned_.emplace(std::pair{owner, alarm.number}, &alarm);
  owned_count.fetch_add(1, std::memory_order_relaxed);
  alarm.owner = owner;
  return true;
}

DeadlineClock::Holds DeadlineClock::owner_ends(ConcId owner) {
  std::lock_guard const lock{mutex_};
  Holds holds;
  for (auto next = owned_.lower_bound({owner, 0}); next != owned_.end() && next->first.first == owner;)
    let_go(*(next++)->second, holds);
  return holds;
}

std::size_t DeadlineClock::alarms() {
  std::lock_guard const lock{mutex_};
  return alarms_.size();
}

CalledOff DeadlineClock::take_out(Alarm& alarm) noexcept {
  alarm.called_off = true;
  CalledOff const holds{alarm.at_ns != never_ns, alarm.owner != ConcId::none};
  if (holds.was_set) alarms_.erase({alarm.at_ns, alarm.number});
  if (holds.was_owned) {
    owned_.erase({alarm.owner, alarm.number});
    owned_count.fetch_sub(1, std::memory_order_relaxed);
  }
  alarm.at_ns = never_ns;
  alarm.owner = ConcId::none;
  return holds;
}

void DeadlineClock::let_go(Alarm& alarm, Holds& holds) {
  auto const [was_set, was_owned] = take_out(alarm);
  if (was_set) holds.push_back(&alarm);
  if (was_owned) holds.push_back(&alarm);
}

/// Without a lock: this may run a user's destructors.
void DeadlineClock::give_back(Holds const& holds) noexcept {
  for (auto* const alarm : holds) alarm->given_back();
}

// --- what is due -------------------------------------------------------------------------------------------------

std::int64_t DeadlineClock::earliest() const noexcept {
  return std::min(entries_.empty() ? never_ns : entries_.begin()->first,
                  alarms_.empty() ? never_ns : alarms_.begin()->first.first);
}

/// With the mutex held, after something was put in or done. What was only taken out may still count: then somebody looks in vain.
/// True: it is earlier than before.
bool DeadlineClock::note_earliest() noexcept {
  auto const now_first = earliest();
  return now_first < earliest_ns_.exchange(now_first, std::memory_order_seq_cst);
}

void DeadlineClock::tell(bool is_sooner) {
  if (!is_sooner || late_ == nullptr) return;
  on_sooner_(due_ns());
  late_->timer.ring_at(late_ns());
}

std::int64_t DeadlineClock::due_ns() const noexcept { return rounded_up(earliest_ns_.load(std::memory_order_seq_cst)); }

std::int64_t DeadlineClock::late_ns() const noexcept {
  auto const due = due_ns();
  return due > never_ns - left_to_loop_ns ? never_ns : due + left_to_loop_ns;
}

/// Who puts something in sets the timer after that; this thread takes the ring, and then looks. It sleeps for what is left, which
/// may be done in time then: it wakes once more, later than the loop, and wakes nobody.
void DeadlineClock::do_what_is_late() {
  for (;;) {
    late_->timer.wait();
    while (late_ns() <= detail::now_ns() && !is_stopping()) do_due();
    if (is_stopping()) return;
    if (auto const late = late_ns(); late != never_ns) late_->timer.ring_at(late);
  }
}

bool DeadlineClock::is_stopping() {
  std::lock_guard const lock{mutex_};
  return stopping_;
}

/// What is due first; the lock is open while an alarm rings.
void DeadlineClock::do_next(std::unique_lock<std::mutex>& lock) {
  if (!alarms_.empty() && (entries_.empty() || alarms_.begin()->first.first < entries_.begin()->first)) return ring_first(lock);
  auto& cell = *entries_.begin()->second;
  take_out(cell);
  send_tick(cell);  // under the mutex: a Worker that ends waits here, in forget
}

void DeadlineClock::ring_first(std::unique_lock<std::mutex>& lock) {
  auto& alarm = *alarms_.begin()->second;
  alarms_.erase(alarms_.begin());
  alarm.at_ns = never_ns;
  lock.unlock();
  alarm.ring();
  lock.lock();
}

std::int64_t DeadlineClock::next_alarm_ns() {
  std::lock_guard const lock{mutex_};
  return alarms_.empty() ? never_ns : alarms_.begin()->first.first;
}

void DeadlineClock::ring_next() {
  std::unique_lock lock{mutex_};
  ring_first(lock);
}

void DeadlineClock::do_due() noexcept {
  std::unique_lock lock{mutex_};
  for (int done = 0; done < done_at_once_max && !stopping_ && earliest() <= detail::now_ns(); ++done) do_next(lock);
  (void)note_earliest();
}

DeadlineClock* active_clock() noexcept {
  std::lock_guard const lock{active_mutex};
  return active;
}

void forget_deadlines(detail::Cell& cell) noexcept {
  bool const owns = owned_count.load(std::memory_order_relaxed) != 0;
  bool const was_armed = cell.extra_if_any() != nullptr;
  if (!was_armed && !owns) return;
  if (was_armed && sched::simulation != nullptr) sched::simulation->forget(cell);
  DeadlineClock::Holds holds;
  {
    std::lock_guard const lock{active_mutex};
    if (active == nullptr) return;
    if (was_armed && sched::simulation == nullptr) active->forget(cell);
    if (owns) holds = active->owner_ends(cell.id.load(std::memory_order_relaxed));
  }
  DeadlineClock::give_back(holds);
}

}  // namespace corps::mail

namespace corps::detail {

void arm(Cell& cell, std::int64_t at_ns) noexcept {
  cell.armed_ns = at_ns;
  if (cell.is_port()) return;  // a plain thread looks at its deadlines itself, while it waits
  (void)cell.extra();          // where the tick is
  if (sched::simulation != nullptr) return sched::simulation->arm(cell, at_ns);
  std::lock_guard const lock{mail::active_mutex};
  if (mail::active != nullptr) mail::active->arm(cell, at_ns);
}

void Tick::arrive(Cell& cell) {
  on_its_way.store(false, std::memory_order_release);
  cell.armed_ns = never_ns;
  if (auto const earliest = cell.end_overdue(now_ns()); earliest != never_ns) arm(cell, earliest);
  if ((cell.hooks & hook_selects) != 0) mail::end_late_requests(cell);
  mail::look_for_cycles(cell);
}

Alarmed set_alarm(Alarm& alarm, std::int64_t at_ns, bool again) noexcept {
  std::lock_guard const lock{mail::active_mutex};
  return mail::active == nullptr ? Alarmed::no_clock : mail::active->set_alarm(alarm, at_ns, again);
}

CalledOff call_off(Alarm& alarm) noexcept {
  std::lock_guard const lock{mail::active_mutex};
  if (mail::active != nullptr) return mail::active->call_off(alarm);
  alarm.called_off = true;
  return {};
}

bool end_with(Alarm& alarm, ConcId owner) noexcept {
  std::lock_guard const lock{mail::active_mutex};
  return mail::active != nullptr && mail::active->end_with(alarm, owner);
}

}  // namespace corps::detail
