#include "env/sched/internal/lanes.hpp"

#include <algorithm>
#include <utility>

#include "corps/detail/cell.hpp"
#include "env/host/internal/pause.hpp"

namespace corps::sched {

void Lanes::push_next(Lane& lane, caf::resumable* job) {
  if (auto* const displaced = lane.next.exchange(job, std::memory_order_seq_cst)) push(lane, displaced);
  wake_for_kept();
}

/// Another thread would gain nothing by taking over what this one goes on with at once.
void Lanes::push_again(Lane& lane, caf::resumable* job) {
  bool const alone = lane.next.load(std::memory_order_relaxed) == nullptr && lane.queue.empty();
  alone ? push_next(lane, job) : push(lane, job);
}

void Lanes::push(Lane& lane, caf::resumable* job) {
  lane.queue.push(job);
  keeps_last(lane) ? wake_for_kept() : wake_for_queued();
}

void Lanes::push_foreign(Lane& lane, caf::resumable* job) {
  lane.queue.push_behind(job);
  wake_for_queued();
}

void Lanes::wake_for_queued() {
  if (idle_.load(std::memory_order_seq_cst) != 0 && !searching_.load(std::memory_order_seq_cst)) wake_one();
}

void Lanes::wake_for_kept() {
  if (idle_.load(std::memory_order_seq_cst) != 0 && !watched_.load(std::memory_order_seq_cst)) wake_watcher();
}

/// Where there is a choice, the thread that is woken finds the job in its own queue.
void Lanes::push_anywhere(caf::resumable* job) {
  if (idle_.load(std::memory_order_seq_cst) != 0 && !searching_.load(std::memory_order_seq_cst)) {
    if (auto* const idle = take_idle()) {
      idle->queue.push_behind(job);
      return idle->bell.ring();
    }
  }
  push_foreign(lanes_[round_robin_.fetch_add(1, std::memory_order_relaxed) % primary_], job);
}

caf::resumable* Lanes::pop_own(Lane& lane) {
  if (lane.streak < streak_max && lane.next.load(std::memory_order_relaxed) != nullptr) {
    if (auto* const job = lane.next.exchange(nullptr, std::memory_order_acq_rel)) {
      ++lane.streak;
      return job;
    }
  }
  lane.streak = 0;  // the queue gets its turn
  if (auto* const job = lane.queue.pop()) return job;
  return lane.next.exchange(nullptr, std::memory_order_acq_rel);
}

/// From a thread that may never be without work, and so never steal.
caf::resumable* Lanes::look_at_others(Lane& lane, std::uint64_t turn) {
  if (turn != 0 && turn % turns_between_shares == 0) take_share(lane);
  return take_from_stuck(lane);
}

/// Where all threads go on, whose lane has got more Workers than others would serve each of them less often for ever. Who looked
/// for those that move while they were in no queue is woken in pass_on.
void Lanes::take_share(Lane& lane) {
  auto const own = lane.queue.count();
  for (auto& from : used()) {
    if (&from == &lane) continue;
    auto const theirs = from.queue.count();
    if (theirs < 2 * own + 2) continue;
    std::array<caf::resumable*, stolen_max> taken;
    auto const count = from.queue.take_half(std::span{taken}.first(std::min((theirs - own) / 2, stolen_max)));
    lane.queue.push(std::span{taken}.first(count));
    return pass_on();
  }
}

/// Work that waits behind a thread that is stuck must not wait until another is idle. What waits behind one that goes on is left
/// to it: to move a job to another core costs more than a short turn.
caf::resumable* Lanes::take_from_stuck(Lane& lane) {
  auto const lanes = used();
  lane.turns_seen.resize(lanes_.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    auto& from = lanes[i];
    if (&from == &lane || from.queue.empty()) continue;
    auto const turns = from.turns.load(std::memory_order_relaxed);
    if (std::exchange(lane.turns_seen[i], turns) != turns) continue;
    if (auto* const job = from.queue.take()) return job;
  }
  return nullptr;
}

caf::resumable* Lanes::steal(Lane& lane) {
  auto const lanes = used();
  auto const own = static_cast<std::size_t>(&lane - lanes_.data());
  for (std::size_t step = 1; step < lanes.size(); ++step)
    if (auto* const job = steal_half(lane, lanes[(own + step) % lanes.size()])) return job;
  return lane.queue.pop();
}

/// The older half of what waits in a lane of another thread moves here, and the first of it runs: where turns are short, a visit
/// for each would cost more than the turn. Who looked for them while they were in no queue is woken in pass_on.
caf::resumable* Lanes::steal_half(Lane& lane, Lane& from) {
  if (keeps_last(from)) return nullptr;
  std::array<caf::resumable*, stolen_max> stolen;
  auto const count = from.queue.take_half(stolen);
  if (count == 0) return nullptr;
  if (JobQueue::has_ring && count == 1) {
    lane.took_from = &from;
    lane.took_ns = detail::now_ns();
  }
  if (count > 1) lane.queue.push(std::span{stolen}.subspan(1, count - 1));
  return stolen.front();
}

/// The turn of a job that was taken alone has ended.
void Lanes::judge(Lane& lane) noexcept {
  auto const now_ns = detail::now_ns();
  bool const was_short = now_ns - lane.took_ns < patience_.short_turn_ns;
  auto& from = *std::exchange(lane.took_from, nullptr);
  from.keeps_last_until_ns.store(was_short ? now_ns + patience_.keep_ns : 0, std::memory_order_relaxed);
}

bool Lanes::keeps_last(Lane const& lane) noexcept {
  if (!JobQueue::has_ring) return false;
  auto const until_ns = lane.keeps_last_until_ns.load(std::memory_order_relaxed);
  return until_ns != 0 && lane.queue.holds_one_of_its_own() && detail::recent_now_ns() < until_ns;
}

/// Whether there is a job that others take only if the lane does not go on.
bool Lanes::keeps_one(Lane const& lane) noexcept {
  return lane.next.load(std::memory_order_seq_cst) != nullptr || keeps_last(lane);
}

/// Who pushes while one searches wakes nobody. So who has searched, with or without success, looks once more after it has said
/// that it ended: in pass_on, or in enter_idle.
caf::resumable* Lanes::search(Lane& lane) {
  if (searching_.exchange(true, std::memory_order_seq_cst)) return steal(lane);
  caf::resumable* job = nullptr;
  for (int round = 0; round < patience_.searches_before_parking && job == nullptr; ++round) {
    job = steal(lane);
    if (job == nullptr) host::pause();
  }
  searching_.store(false, std::memory_order_seq_cst);
  return job;
}

/// From a thread that is idle no more: what it was woken for, or nobody was woken for because it searched, may be something else
/// than it has found.
void Lanes::pass_on() {
  if (idle_.load(std::memory_order_seq_cst) == 0 || searching_.load(std::memory_order_seq_cst)) return;
  if (anything_queued())
    wake_one();
  else if (anything_left())
    wake_for_kept();
}

bool Lanes::anything_queued() noexcept {
  return std::ranges::any_of(used(), [](Lane const& lane) { return !lane.queue.empty() && !keeps_last(lane); });
}

/// For who has just seen that nothing is queued but what is kept: it may be kept no more.
bool Lanes::anything_left() noexcept {
  return std::ranges::any_of(
      used(), [](Lane const& lane) { return lane.next.load(std::memory_order_seq_cst) != nullptr || !lane.queue.empty(); });
}

bool Lanes::any_kept() noexcept { return std::ranges::any_of(used(), &Lanes::keeps_one); }

// --- idle threads ------------------------------------------------------------------------------------------------

void Lanes::set_idle_count() noexcept { idle_.store(static_cast<std::uint32_t>(idle_list_.size()), std::memory_order_seq_cst); }

/// Takes a thread that sleeps out of the list; its bell must be rung then. Null if there is none.
Lane* Lanes::take_idle() {
  std::lock_guard const lock{idle_mutex_};
  return take_idle(lock);
}

Lane* Lanes::take_idle(std::lock_guard<std::mutex> const&) {
  if (idle_list_.empty()) return nullptr;
  auto* const lane = idle_list_.back();
  idle_list_.pop_back();
  lane->parked = false;
  if (lane->goes_outside) outside_.load(std::memory_order_relaxed)->expect();
  set_idle_count();
  return lane;
}

void Lanes::wake_one() {
  if (auto* const lane = take_idle()) lane->bell.ring();
}

void Lanes::wake_from(std::size_t first) {
  std::lock_guard const lock{idle_mutex_};
  auto const found = std::ranges::find_if(idle_list_, [&](Lane const* lane) { return lane >= &lanes_[first]; });
  if (found == idle_list_.end()) return;
  auto* const lane = *found;
  idle_list_.erase(found);
  lane->parked = false;
  set_idle_count();
  lane->bell.ring();
}

void Lanes::wake_watcher() {
  Lane* lane = nullptr;
  {
    std::lock_guard const lock{idle_mutex_};
    if (watched_.load(std::memory_order_relaxed)) return;
    lane = take_idle(lock);
    if (lane == nullptr) return;
    lane->watches = true;
    watched_.store(true, std::memory_order_seq_cst);
  }
  lane->bell.ring();
}

void Lanes::close() {
  closed_.store(true, std::memory_order_seq_cst);
  for (std::size_t count = lanes_.size(); count > 0; --count) wake_one();
}

/// The order matters: first the thread is seen to be idle, then it looks once more; who pushes does it the other way
/// round; so one of them sees the other.
bool Lanes::enter_idle(Lane& lane) {
  {
    std::lock_guard const lock{idle_mutex_};
    lane.goes_outside = may_go_outside(lane);
    // Who waits outside has the way of frames, and is the last to be taken for something else.
    idle_list_.push_back(&lane);
    if (lane.goes_outside) std::rotate(idle_list_.begin(), idle_list_.end() - 1, idle_list_.end());
    lane.parked = true;
    set_idle_count();
  }
  if (!anything_queued() && !closed_.load(std::memory_order_seq_cst)) return true;
  leave_idle(lane);
  return false;
}

void Lanes::leave_idle(Lane& lane) {
  bool woken = false;
  {
    std::lock_guard const lock{idle_mutex_};
    woken = !lane.parked;
    if (!woken) {
      std::erase(idle_list_, &lane);
      lane.parked = false;
      set_idle_count();
    }
  }
  if (woken) lane.bell.wait();  // somebody chose this thread: take the signal, so that it does not count for the next time
}

/// Makes an idle lane the watcher, if there is none.
bool Lanes::begin_watch(Lane& lane) {
  std::lock_guard const lock{idle_mutex_};
  if (!lane.parked || watched_.load(std::memory_order_relaxed)) return false;
  std::erase(idle_list_, &lane);
  lane.parked = false;
  lane.watches = true;
  watched_.store(true, std::memory_order_seq_cst);
  set_idle_count();
  return true;
}

void Lanes::end_watch(Lane& lane) {
  {
    std::lock_guard const lock{idle_mutex_};
    lane.watches = false;
    watched_.store(false, std::memory_order_seq_cst);
  }
  if (any_kept()) wake_watcher();  // this thread has something else to do
}

void Lanes::set_outside(std::shared_ptr<Outside> outside) noexcept {
  outside_kept_ = std::move(outside);
  outside_.store(outside_kept_.get(), std::memory_order_release);
}

/// What has come there is done on this thread, which is idle no more then.
bool Lanes::may_go_outside(Lane const& lane) const noexcept {
  return outside_.load(std::memory_order_acquire) != nullptr && lane.sleep_max == std::chrono::nanoseconds{0};
}

void Lanes::stay_inside(Lane& lane) noexcept {
  lane.left_outside = false;
  outside_.load(std::memory_order_acquire)->hand_over();
}

/// Who was outside and has much to do now looks what has come there, and does that too.
void Lanes::visit_outside(Lane& lane) noexcept {
  auto& outside = *outside_.load(std::memory_order_acquire);
  if (outside.enter()) {
    outside.look();
    outside.serve_and_leave();
  } else {
    outside.expect();
  }
  lane.visited_ns = detail::recent_now_ns();
}

/// Who looks around misses what comes outside, and keeps its core.
bool Lanes::looks_around(Lane const& lane) const noexcept { return !lane.rested && (lane.called_back || !may_go_outside(lane)); }

void Lanes::sleep(Lane& lane) {
  auto const begin_ns = detail::recent_now_ns();
  sleep_here_or_outside(lane);
  auto const end_ns = detail::recent_now_ns();
  if (lane.left_outside) lane.visited_ns = end_ns;
  lane.rested = end_ns - begin_ns >= patience_.rest_ns;
}

void Lanes::sleep_here_or_outside(Lane& lane) {
  lane.left_outside = false;
  lane.called_back = true;
  if (auto* const outside = outside_.load(std::memory_order_acquire); lane.goes_outside && outside->enter()) {
    lane.called_back = lane.bell.wait_at(*outside);
    if (!lane.called_back) leave_idle(lane);
    lane.left_outside = true;
    return outside->serve_and_leave();
  }
  if (lane.sleep_max == std::chrono::nanoseconds{0})
    lane.bell.wait();
  else if (!lane.bell.wait_for(lane.sleep_max))
    leave_idle(lane);
}

caf::resumable* Lanes::park(Lane& lane) {
  if (!enter_idle(lane)) {
    if (lane.watches) end_watch(lane);  // chosen while it was about to leave
    return nullptr;
  }
  if (!anything_left() || !begin_watch(lane)) sleep(lane);
  return lane.watches ? watch_kept(lane) : nullptr;
}

caf::resumable* Lanes::watch_kept(Lane& lane) {
  std::vector<std::uint64_t> seen(lanes_.size(), 0);
  caf::resumable* found = nullptr;
  for (int quiet = 0; quiet < patience_.quiet_looks_max && found == nullptr;) {
    auto const lanes = used();
    for (std::size_t i = 0; i < lanes.size(); ++i)
      seen[i] = keeps_one(lanes[i]) ? lanes[i].turns.load(std::memory_order_relaxed) : 0;
    if (!enter_idle(lane)) break;
    if (lane.bell.wait_for(slot_look)) break;
    leave_idle(lane);
    found = take_kept(seen);
    quiet = any_kept() ? 0 : quiet + 1;
  }
  end_watch(lane);
  return found;
}

/// A job that is kept by a lane that has not gone on since.
caf::resumable* Lanes::take_kept(std::vector<std::uint64_t> const& turns_seen) {
  auto const lanes = used();
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (turns_seen[i] == 0 || lanes[i].turns.load(std::memory_order_relaxed) != turns_seen[i]) continue;
    lanes[i].keeps_last_until_ns.store(0, std::memory_order_relaxed);
    if (auto* const job = lanes[i].next.exchange(nullptr, std::memory_order_acq_rel)) return job;
    if (auto* const job = lanes[i].queue.take()) return job;
  }
  return nullptr;
}

caf::resumable* Lanes::take_left_over() {
  for (auto& lane : lanes_)
    if (auto* const job = pop_own(lane)) return job;
  return nullptr;
}

void Lanes::give_away(Lane& lane) {
  if (lane.left_outside) stay_inside(lane);
  lane.keeps_last_until_ns.store(0, std::memory_order_relaxed);
  if (auto* const job = lane.next.exchange(nullptr, std::memory_order_acq_rel)) push(lane, job);
  for (auto waiting = lane.queue.count(); waiting > 0 && idle_.load(std::memory_order_seq_cst) != 0; --waiting) wake_one();
}

}  // namespace corps::sched
