#include "env/sched/internal/lanes.hpp"

#include <algorithm>
#include <thread>

namespace corps::sched {
namespace {

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void Lanes::push_next(Lane& lane, caf::resumable* job) {
  if (auto* const displaced = lane.next.exchange(job, std::memory_order_seq_cst)) {
    push(lane, displaced);
  } else if (idle_.load(std::memory_order_seq_cst) != 0 && !watched_.load(std::memory_order_seq_cst) && !watched_.exchange(true)) {
    wake_one();
  }
}

void Lanes::push(Lane& lane, caf::resumable* job) {
  {
    std::lock_guard const lock{lane.mutex};
    lane.queue.push_back(job);
    lane.queued.store(lane.queue.size(), std::memory_order_seq_cst);
  }
  if (idle_.load(std::memory_order_seq_cst) != 0) wake_one();
}

void Lanes::push_anywhere(caf::resumable* job) { push(lanes_[round_robin_.fetch_add(1, std::memory_order_relaxed) % primary_], job); }

caf::resumable* Lanes::pop_queue(Lane& lane) {
  if (lane.queued.load(std::memory_order_seq_cst) == 0) return nullptr;
  std::lock_guard const lock{lane.mutex};
  if (lane.queue.empty()) return nullptr;
  auto* const job = lane.queue.front();
  lane.queue.pop_front();
  lane.queued.store(lane.queue.size(), std::memory_order_seq_cst);
  return job;
}

caf::resumable* Lanes::pop_own(Lane& lane) {
  if (lane.streak < streak_max && lane.next.load(std::memory_order_relaxed) != nullptr) {
    if (auto* const job = lane.next.exchange(nullptr, std::memory_order_acq_rel)) {
      ++lane.streak;
      return job;
    }
  }
  lane.streak = 0;  // the queue gets its turn
  if (auto* const job = pop_queue(lane)) return job;
  return lane.next.exchange(nullptr, std::memory_order_acq_rel);
}

caf::resumable* Lanes::search(Lane& lane) {
  auto const own = static_cast<std::size_t>(&lane - lanes_.data());
  for (int round = 0; round < searches_before_parking; ++round) {
    for (std::size_t step = 0; step < lanes_.size(); ++step)
      if (auto* const job = pop_queue(lanes_[(own + step) % lanes_.size()])) return job;
    pause();
  }
  return nullptr;
}

bool Lanes::anything_queued() const noexcept {
  return std::ranges::any_of(lanes_, [](Lane const& lane) { return lane.queued.load(std::memory_order_seq_cst) != 0; });
}

bool Lanes::any_slot_taken() const noexcept {
  return std::ranges::any_of(lanes_, [](Lane const& lane) { return lane.next.load(std::memory_order_seq_cst) != nullptr; });
}

void Lanes::wake_one() {
  std::lock_guard const lock{idle_mutex_};
  if (idle_list_.empty()) return;
  auto* const lane = idle_list_.back();
  idle_list_.pop_back();
  lane->parked = false;
  idle_.store(static_cast<std::uint32_t>(idle_list_.size()), std::memory_order_seq_cst);
  lane->wake.release();
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
    idle_list_.push_back(&lane);
    lane.parked = true;
    idle_.store(static_cast<std::uint32_t>(idle_list_.size()), std::memory_order_seq_cst);
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
      idle_.store(static_cast<std::uint32_t>(idle_list_.size()), std::memory_order_seq_cst);
    }
  }
  if (woken) lane.wake.acquire();  // somebody chose this thread: take the signal, so that it does not count for the next time
}

caf::resumable* Lanes::park(Lane& lane) {
  if (!enter_idle(lane)) return nullptr;
  lane.wake.acquire();
  return watched_.load(std::memory_order_acquire) ? watch_slots(lane) : nullptr;
}

caf::resumable* Lanes::watch_slots(Lane& lane) {
  std::vector<std::uint64_t> seen(lanes_.size(), 0);
  for (int quiet = 0; quiet < quiet_looks_max;) {
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      seen[i] = lanes_[i].next.load(std::memory_order_relaxed) == nullptr ? 0 : lanes_[i].turns.load(std::memory_order_relaxed);
    if (!enter_idle(lane)) break;
    if (lane.wake.try_acquire_for(slot_look)) break;
    leave_idle(lane);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (seen[i] == 0 || lanes_[i].turns.load(std::memory_order_relaxed) != seen[i]) continue;
      if (auto* const job = lanes_[i].next.exchange(nullptr, std::memory_order_acq_rel)) {
        watched_.store(false, std::memory_order_seq_cst);
        return job;
      }
    }
    quiet = any_slot_taken() ? 0 : quiet + 1;
  }
  watched_.store(false, std::memory_order_seq_cst);
  return nullptr;
}

void Lanes::give_away(Lane& lane) {
  if (auto* const job = lane.next.exchange(nullptr, std::memory_order_acq_rel)) push(lane, job);
  for (auto waiting = lane.queued.load(std::memory_order_seq_cst); waiting > 0 && idle_.load(std::memory_order_seq_cst) != 0; --waiting)
    wake_one();
}

}  // namespace corps::sched
