#include "env/sched/internal/job_queue.hpp"

#include <algorithm>

#include "corps/detail/cell.hpp"

namespace corps::sched {

namespace {

/// Fetches the cell of the next turn while the one before it runs.
void prefetch(caf::resumable const& job) noexcept {
  auto const* const cell = reinterpret_cast<std::byte const*>(&job);  // which begins with its job
  for (std::size_t at = 0; at < sizeof(detail::Cell); at += 64) __builtin_prefetch(cell + at, 1);
}

}  // namespace

bool JobQueue::ring_has_room(std::uint64_t end) noexcept {
  if (end - begin_seen_ < ring_max) return true;
  begin_seen_ = begin_.load(std::memory_order_acquire);
  return end - begin_seen_ < ring_max;
}

/// Seen, with the end, by whoever looks for jobs after it has said that it goes to sleep.
void JobQueue::push(caf::resumable* job) {
  auto const end = end_.load(std::memory_order_relaxed);
  if (behind_count_.load(std::memory_order_relaxed) != 0 || !ring_has_room(end)) [[unlikely]]
    return push_behind(job);
  place(end).store(job, std::memory_order_relaxed);
  end_.store(end + 1, std::memory_order_seq_cst);
}

void JobQueue::push(std::span<caf::resumable* const> jobs) {
  auto end = end_.load(std::memory_order_relaxed);
  std::size_t count = 0;
  if (behind_count_.load(std::memory_order_relaxed) == 0)
    for (; count < jobs.size() && ring_has_room(end); ++count, ++end) place(end).store(jobs[count], std::memory_order_relaxed);
  if (count > 0) end_.store(end, std::memory_order_seq_cst);
  for (auto* const job : jobs.subspan(count)) push_behind(job);
}

/// A place is not written again before `begin_` has passed it; then who has read it too early does not get it.
caf::resumable* JobQueue::pop() {
  auto begin = begin_.load(std::memory_order_acquire);
  auto const end = end_.load(std::memory_order_relaxed);
  while (begin != end) {
    auto* const job = place(begin).load(std::memory_order_relaxed);
    if (!begin_.compare_exchange_weak(begin, begin + 1, std::memory_order_seq_cst, std::memory_order_acquire)) continue;
    if (begin + 1 != end) prefetch(*place(begin + 1).load(std::memory_order_relaxed));
    return job;
  }
  return behind_count_.load(std::memory_order_seq_cst) == 0 ? nullptr : move_up();
}

/// The ring is empty.
caf::resumable* JobQueue::move_up() {
  std::lock_guard const lock{mutex_};
  if (behind_.empty()) return nullptr;
  auto* const job = behind_.front();
  behind_.pop_front();
  auto const begin = end_.load(std::memory_order_relaxed);
  auto end = begin;
  for (; !behind_.empty() && ring_has_room(end); ++end) {
    place(end).store(behind_.front(), std::memory_order_relaxed);
    behind_.pop_front();
  }
  if (end != begin) end_.store(end, std::memory_order_seq_cst);
  behind_count_.store(behind_.size(), std::memory_order_seq_cst);
  return job;
}

void JobQueue::push_behind(caf::resumable* job) {
  std::lock_guard const lock{mutex_};
  behind_.push_back(job);
  behind_count_.store(behind_.size(), std::memory_order_seq_cst);
}

caf::resumable* JobQueue::take() {
  caf::resumable* job = nullptr;
  return take_half({&job, 1}) == 1 ? job : nullptr;
}

std::size_t JobQueue::take_half(std::span<caf::resumable*> room) {
  auto begin = begin_.load(std::memory_order_acquire);
  for (auto end = end_.load(std::memory_order_seq_cst); begin != end; end = end_.load(std::memory_order_seq_cst)) {
    auto const half = std::min(static_cast<std::size_t>(end - begin + 1) / 2, room.size());
    for (std::size_t i = 0; i < half; ++i) room[i] = place(begin + i).load(std::memory_order_relaxed);
    if (begin_.compare_exchange_weak(begin, begin + half, std::memory_order_seq_cst, std::memory_order_acquire)) return half;
  }
  if (behind_count_.load(std::memory_order_seq_cst) == 0) return 0;
  std::lock_guard const lock{mutex_};
  auto const half = std::min((behind_.size() + 1) / 2, room.size());
  for (std::size_t i = 0; i < half; ++i) {
    room[i] = behind_.front();
    behind_.pop_front();
  }
  behind_count_.store(behind_.size(), std::memory_order_seq_cst);
  return half;
}

}  // namespace corps::sched
