#pragma once

#include <array>
#include <atomic>
#include <caf/resumable.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <semaphore>
#include <vector>

namespace corps::sched {

/// What one thread of the scheduler has to do: a slot for the job that is to run next, whose data are warm, and a queue.
struct alignas(64) Lane {
  std::atomic<caf::resumable*> next{nullptr};
  std::atomic<std::uint64_t> turns{0};  // grows with every job taken: tells a busy lane from a stuck one
  unsigned streak = 0;                  // jobs taken from the slot in a row
  std::mutex mutex;
  std::deque<caf::resumable*> queue;
  std::atomic<std::size_t> queued{0};
  std::binary_semaphore wake{0};
  bool parked = false;  // under the idle list's mutex
};

/// The lanes of all threads, with stealing between them and parking of threads without work.
///
/// A job that a running job wakes goes into its lane's slot and runs next on the same thread: no queue, no wake-up. When
/// other threads are idle, one of them keeps an eye on the slots, and takes what has stayed in one for 50 µs.
class Lanes {
 public:
  explicit Lanes(std::size_t count) : lanes_(count) {}

  Lane& operator[](std::size_t index) noexcept { return lanes_[index]; }
  std::size_t size() const noexcept { return lanes_.size(); }

  /// From the lane's own thread: `job` runs next here.
  void push_next(Lane& lane, caf::resumable* job);
  /// From any thread: `job` queues behind what is there.
  void push(Lane& lane, caf::resumable* job);
  /// From a thread without a lane.
  void push_anywhere(caf::resumable* job);
  /// What the lane's own thread does next; sleeps until there is something. Null when `retire` says so.
  template <class Retire>
  caf::resumable* pop(Lane& lane, Retire&& retire);
  /// Gives what waits in a lane to the others, because its thread will block.
  void give_away(Lane& lane);
  /// Nobody sleeps any more, so that every thread looks whether to retire.
  void close();
  /// Limits the lanes that `push_anywhere` uses.
  void set_primary(std::size_t count) noexcept { primary_ = count; }

 private:
  static constexpr unsigned streak_max = 64;
  static constexpr int searches_before_parking = 100;
  static constexpr auto slot_look = std::chrono::microseconds{50};
  static constexpr int quiet_looks_max = 40;

  caf::resumable* pop_own(Lane& lane);
  caf::resumable* pop_queue(Lane& lane);
  caf::resumable* search(Lane& lane);
  bool anything_queued() const noexcept;
  bool any_slot_taken() const noexcept;
  void wake_one();
  bool enter_idle(Lane& lane);
  void leave_idle(Lane& lane);
  caf::resumable* park(Lane& lane);
  caf::resumable* watch_slots(Lane& lane);

  std::vector<Lane> lanes_;
  std::size_t primary_ = 1;
  std::atomic<std::size_t> round_robin_{0};
  std::atomic<std::uint32_t> idle_{0};
  std::atomic<bool> watched_{false};
  std::atomic<bool> closed_{false};
  std::mutex idle_mutex_;
  std::vector<Lane*> idle_list_;
};

template <class Retire>
caf::resumable* Lanes::pop(Lane& lane, Retire&& retire) {
  lane.turns.fetch_add(1, std::memory_order_relaxed);
  for (;;) {
    if (auto* job = pop_own(lane)) return job;
    if (retire()) {
      if (anything_queued()) wake_one();  // this thread may have been woken for it
      return nullptr;
    }
    if (auto* job = search(lane)) return job;
    if (auto* job = park(lane)) return job;
  }
}

}  // namespace corps::sched
