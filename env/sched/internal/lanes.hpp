#pragma once

#include <array>
#include <atomic>
#include <caf/resumable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "corps/detail/cell.hpp"
#include "env/sched/internal/bell.hpp"
#include "env/sched/internal/job_queue.hpp"
#include "env/sched/internal/outside.hpp"

namespace corps::sched {

/// What one thread of the scheduler has to do: a slot for the job that is to run next, whose data are warm, and a queue.
struct alignas(64) Lane {
  std::atomic<caf::resumable*> next{nullptr};
  std::atomic<std::uint64_t> turns{0};    // jobs taken, written by its own thread: tells a busy lane from a stuck one
  unsigned streak = 0;                    // jobs taken from the slot in a row
  std::chrono::nanoseconds sleep_max{0};  // how long it may sleep without a look at whether to retire; 0: for ever
  std::vector<std::uint64_t> turns_seen;  // of each lane, when it last looked whether its thread is stuck
  JobQueue queue;
  Bell bell;
  std::atomic<std::int64_t> keeps_last_until_ns{0};  // the last job of its queue is left to its own thread
  Lane* took_from = nullptr;                         // the job that runs was taken alone, out of the queue of that one
  std::int64_t took_ns = 0;                          // then
  bool left_outside = false;                         // it was outside when it last was without work
  std::int64_t visited_ns = 0;                       // there, for the last time
  bool called_back = true;                           // and woken for something inside, or it was not
  bool rested = false;                               // it slept for long then
  bool goes_outside = false;                         // if it can; written as `parked`, by itself
  bool parked = false;                               // under the idle list's mutex
  bool watches = false;  // what others keep; written under the idle list's mutex, by itself or before it is woken
};

/// The lanes of all threads, with stealing between them and parking of threads without work.
///
/// A job that a running job wakes goes into its lane's slot and runs next on the same thread: no queue, no wake-up. When
/// other threads are idle, one of them keeps an eye on the slots, and takes what has stayed in one for longer than a turn
/// should last. One thread that has just run out of work looks around for a while before it sleeps; as long as it does, nobody is
/// woken for what is queued. It does not when it slept for long before: whom it has just woken may wait for its core. Who was
/// idle and has found something wakes the next if there is more. Where a job that was taken alone had a short turn, the last job
/// of that queue is left to its own thread for a while, as the one in its slot is: to move it costs more than it gains, and two
/// that work for each other are slower on two cores. Who is never idle looks at the others every now and then: for what waits
/// behind a thread that is stuck, and, more seldom, for a lane with much more in it than its own.
class Lanes {
 public:
  /// How long a thread that has run out of work goes on looking.
  struct Patience {
    int searches_before_parking = 500;    // some 10 µs, about what a wake-up takes
    int quiet_looks_max = 8;              // at what lanes keep, before nobody watches
    std::int64_t rest_ns = 200'000;       // who slept for as long finds nothing by looking: what comes, comes rarely
    std::int64_t short_turn_ns = 10'000;  // of a job that is better left where it is
    std::int64_t keep_ns = 1'000'000;     // how long a lane keeps the last job of its queue then
    std::int64_t visit_ns = 50'000;       // between two visits outside of a thread that has much to do
  };

  explicit Lanes(std::size_t count) : Lanes(count, Patience{}) {}
  Lanes(std::size_t count, Patience patience) : patience_(patience), lanes_(count) {}

  Lane& operator[](std::size_t index) noexcept { return lanes_[index]; }
  std::size_t size() const noexcept { return lanes_.size(); }

  /// From the lane's own thread: `job` runs next here.
  [[gnu::hot]] void push_next(Lane& lane, caf::resumable* job);
  /// From the lane's own thread: `job` queues behind what is there.
  [[gnu::hot]] void push(Lane& lane, caf::resumable* job);
  /// The same from any other.
  void push_foreign(Lane& lane, caf::resumable* job);
  /// From the lane's own thread: `job` has had its turn and wants another. It gives way to the others of this lane; when there
  /// are none, it stays here.
  [[gnu::hot]] void push_again(Lane& lane, caf::resumable* job);
  /// From a thread without a lane.
  [[gnu::hot]] void push_anywhere(caf::resumable* job);
  /// What the lane's own thread does next; sleeps until there is something. Null when `retire` says so.
  template <class Retire>
  caf::resumable* pop(Lane& lane, Retire&& retire);
  /// Gives what waits in a lane to the others, because its thread will block.
  void give_away(Lane& lane);
  /// Wakes a thread that sleeps at one of the lanes from `first` on, if there is one, to look whether to retire.
  void wake_from(std::size_t first);
  /// A job that nobody has taken, once there are no threads any more.
  caf::resumable* take_left_over();
  /// Nobody sleeps any more, so that every thread looks whether to retire.
  void close();
  /// From now on threads without work wait there, and those that have been there look in every now and then.
  void set_outside(std::shared_ptr<Outside> outside) noexcept;
  /// Limits the lanes that `push_anywhere` uses. Before the threads start.
  void set_primary(std::size_t count) noexcept { primary_ = used_ = count; }
  /// The first `count` lanes have, or had, a thread. One thread at a time.
  void set_used(std::size_t count) noexcept {
    if (count > used_.load(std::memory_order_relaxed)) used_.store(count, std::memory_order_release);
  }

 private:
  static constexpr unsigned streak_max = 64;
  static constexpr unsigned turns_between_looks = 64;
  static constexpr unsigned turns_between_shares = 1024;
  static_assert(turns_between_shares % turns_between_looks == 0);
  static constexpr std::size_t stolen_max = 64;                      // at once
  static constexpr auto slot_look = std::chrono::microseconds{250};  // longer than a turn whose requests are short

  [[gnu::hot]] caf::resumable* pop_own(Lane& lane);
  caf::resumable* look_at_others(Lane& lane, std::uint64_t turn);
  void take_share(Lane& lane);
  caf::resumable* take_from_stuck(Lane& lane);
  [[gnu::hot]] caf::resumable* steal(Lane& lane);
  caf::resumable* steal_half(Lane& lane, Lane& from);
  [[gnu::hot]] caf::resumable* search(Lane& lane);
  std::span<Lane> used() noexcept { return {lanes_.data(), used_.load(std::memory_order_acquire)}; }
  [[gnu::hot]] bool anything_queued() noexcept;
  [[gnu::hot]] bool anything_left() noexcept;
  [[gnu::hot]] bool any_kept() noexcept;
  [[gnu::hot]] static bool keeps_last(Lane const& lane) noexcept;
  [[gnu::hot]] static bool keeps_one(Lane const& lane) noexcept;
  void judge(Lane& lane) noexcept;
  [[gnu::hot]] void pass_on();
  [[gnu::hot]] void wake_one();
  [[gnu::hot]] void wake_for_kept();
  void wake_watcher();
  [[gnu::hot]] Lane* take_idle();
  [[gnu::hot]] Lane* take_idle(std::lock_guard<std::mutex> const&);
  [[gnu::hot]] void wake_for_queued();
  [[gnu::hot]] void set_idle_count() noexcept;
  [[gnu::hot]] bool enter_idle(Lane& lane);
  [[gnu::hot]] void leave_idle(Lane& lane);
  bool begin_watch(Lane& lane);
  void end_watch(Lane& lane);
  [[gnu::hot]] void sleep(Lane& lane);
  [[gnu::hot]] void sleep_here_or_outside(Lane& lane);
  [[gnu::hot]] bool may_go_outside(Lane const& lane) const noexcept;
  void stay_inside(Lane& lane) noexcept;
  [[gnu::hot]] void visit_outside(Lane& lane) noexcept;
  [[gnu::hot]] bool looks_around(Lane const& lane) const noexcept;
  [[gnu::hot]] caf::resumable* park(Lane& lane);
  caf::resumable* watch_kept(Lane& lane);
  caf::resumable* take_kept(std::vector<std::uint64_t> const& turns_seen);

  Patience const patience_;
  std::vector<Lane> lanes_;
  std::size_t primary_ = 1;
  std::atomic<std::size_t> used_{1};
  std::atomic<std::size_t> round_robin_{0};
  std::atomic<std::uint32_t> idle_{0};
  std::atomic<bool> watched_{false};    // some lane watches; written under the idle list's mutex
  std::atomic<bool> searching_{false};  // some lane looks around
  std::atomic<bool> closed_{false};
  std::atomic<Outside*> outside_{nullptr};
  std::shared_ptr<Outside> outside_kept_;
  std::mutex idle_mutex_;
  std::vector<Lane*> idle_list_;
};

template <class Retire>
caf::resumable* Lanes::pop(Lane& lane, Retire&& retire) {
  auto const turn = lane.turns.load(std::memory_order_relaxed);
  lane.turns.store(turn + 1, std::memory_order_relaxed);
  if (lane.left_outside && detail::last_recent_now_ns() - lane.visited_ns > patience_.visit_ns) visit_outside(lane);
  if (lane.took_from != nullptr) [[unlikely]]
    judge(lane);
  if (turn % turns_between_looks == 0)
    if (auto* job = look_at_others(lane, turn)) return job;
  if (auto* job = pop_own(lane)) return job;
  for (;;) {
    if (retire()) {
      pass_on();
      return nullptr;
    }
    auto* job = looks_around(lane) ? search(lane) : steal(lane);
    if (job == nullptr) job = park(lane);
    if (job == nullptr) job = pop_own(lane);
    if (job == nullptr) continue;
    pass_on();
    (void)detail::recent_now_ns();  // all this may have taken long: the turn goes on from here
    return job;
  }
}

}  // namespace corps::sched
