#pragma once

#include <array>
#include <atomic>
#include <caf/resumable.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

#ifndef CORPS_JOBS_IN_RING  // test/explore has a smaller one, or none
#define CORPS_JOBS_IN_RING 1024
#endif

namespace corps::sched {

/// The jobs that wait in a lane, in the order in which they came. The lane's own thread puts them into a ring, from which any
/// thread takes them without a lock. What does not fit there, and what other threads bring, waits behind it, under a lock,
/// until the ring is empty.
/// Threads: push() and pop() the one whose lane it is; the rest any.
class JobQueue {
 public:
  static constexpr bool has_ring = CORPS_JOBS_IN_RING != 0;

  [[gnu::hot]] void push(caf::resumable* job);
  void push(std::span<caf::resumable* const> jobs);
  /// The oldest; null if there is none.
  [[gnu::hot]] caf::resumable* pop();

  void push_behind(caf::resumable* job);
  /// The oldest; null if there is none.
  caf::resumable* take();
  /// The older half of what is in the ring, or, if that is empty, of what waits behind it; as much as there is room for. How
  /// many; what is in the room behind them means nothing.
  std::size_t take_half(std::span<caf::resumable*> room);
  /// The order matters: what moves up from behind is seen at one of the two places.
  bool empty() const noexcept {
    if (behind_count_.load(std::memory_order_seq_cst) != 0) return false;
    auto const begin = begin_.load(std::memory_order_seq_cst);
    return begin == end_.load(std::memory_order_seq_cst);
  }
  /// Whether all that waits is one job, which its own thread has put there, and comes to when its turn ends.
  bool holds_one_of_its_own() const noexcept {
    auto const begin = begin_.load(std::memory_order_seq_cst);
    return end_.load(std::memory_order_seq_cst) - begin == 1 && behind_count_.load(std::memory_order_seq_cst) == 0;
  }
  /// Exact only if nobody else takes or brings some.
  std::size_t count() const noexcept {
    auto const behind = behind_count_.load(std::memory_order_seq_cst);
    auto const begin = begin_.load(std::memory_order_seq_cst);
    return behind + static_cast<std::size_t>(end_.load(std::memory_order_seq_cst) - begin);
  }

 private:
  static constexpr std::uint64_t ring_max = CORPS_JOBS_IN_RING;

  std::atomic<caf::resumable*>& place(std::uint64_t at) noexcept { return ring_[at % ring_.size()]; }
  bool ring_has_room(std::uint64_t end) noexcept;
  caf::resumable* move_up();

  alignas(64) std::atomic<std::uint64_t> begin_{0};  // grows with each job taken from the ring, by whomever
  alignas(64) std::atomic<std::uint64_t> end_{0};    // grows with each job put into the ring
  std::uint64_t begin_seen_ = 0;                     // by the lane's thread; behind_count_ lies here for it as well
  std::atomic<std::size_t> behind_count_{0};
  alignas(64) std::mutex mutex_;
  std::deque<caf::resumable*> behind_;
  alignas(64) std::array<std::atomic<caf::resumable*>, ring_max == 0 ? 1 : ring_max> ring_{};
};

}  // namespace corps::sched
