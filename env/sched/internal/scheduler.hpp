#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "corps/detail/cell.hpp"
#include "env/sched/internal/outside.hpp"

namespace corps::sched {

struct ThreadCounts {
  std::size_t primary = 0;  // env.threads
  std::size_t spare = 0;    // that run beside them
  std::size_t blocked = 0;  // in get() or blocking()
};

/// The threads on which the Workers of an Env take their turns: CAF's scheduler with our own lanes for its policy, and
/// spare threads for those that block.
class Scheduler {
 public:
  /// Starts the threads. `spare_max`: how many of them may block at a time, in `get()` or `blocking()`, and have another take
  /// over.
  Scheduler(std::size_t threads, std::size_t spare_max);
  /// Stops the threads, each after the turn it is in.
  ~Scheduler();
  Scheduler(Scheduler const&) = delete;
  Scheduler& operator=(Scheduler const&) = delete;

  /// Threads without work wait there from now on. Once.
  void wait_at(std::shared_ptr<Outside> outside) noexcept;

  [[gnu::hot]] void enqueue(detail::Cell& cell) noexcept;
  /// This thread is about to block; another takes over. Throws Overloaded at the limit.
  void block();
  /// What waits for this thread is for the others to do.
  void give_away();
  void unblock() noexcept;
  ThreadCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The scheduler of this process; null while no Env runs.
Scheduler* scheduler() noexcept;

/// What Overloaded says when no more threads may block.
std::string all_blocked(std::size_t spare_max);

/// This thread runs one Worker alone: nobody takes over when it blocks.
void stay_off_duty() noexcept;

/// Around a wait in the middle of a turn.
class Blocking {
 public:
  explicit Blocking(detail::Cell const& cell);
  ~Blocking();
  Blocking(Blocking const&) = delete;
  Blocking& operator=(Blocking const&) = delete;
  /// Before each sleep: what was scheduled on this thread meanwhile is for the others to do.
  void give_away();

 private:
  bool taken_over_;
};

}  // namespace corps::sched
