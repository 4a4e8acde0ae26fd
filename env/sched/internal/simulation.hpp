#pragma once

#include <cstddef>
#include <cstdint>

#include "corps/detail/cell.hpp"

namespace corps::sched {

/// Stands in for the threads and the clock of an Env, so that a test decides what happens when. All that runs Workers or waits
/// for them goes through here: mailboxes, requests, deadlines and Futures are the real ones. Threads: real ones call, but one at
/// a time: who sleeps here, or is made to wait in `enqueue`, lets another go on.
class Simulation {
 public:
  /// The Env starts. `spare_max`: as for the Scheduler.
  virtual void start(std::size_t spare_max) noexcept = 0;
  virtual std::int64_t now_ns() noexcept = 0;
  /// A Worker has something to do.
  virtual void enqueue(detail::Cell& cell) noexcept = 0;
  /// How many requests the turn that begins may serve.
  virtual int requests_per_turn() noexcept = 0;
  /// Keeps the time at which the Worker's tick is to be sent; replaces the one before.
  virtual void arm(detail::Cell& cell, std::int64_t at_ns) = 0;
  virtual void forget(detail::Cell& cell) noexcept = 0;
  /// A thread sleeps at a mailbox until it is signalled or the time has come.
  virtual void sleep(detail::Cell& cell, std::int64_t until_ns) = 0;
  /// A sleeping thread has been signalled.
  virtual void signalled() noexcept = 0;
  /// A thread sleeps until `is_so`; false if the limit came first.
  virtual bool wait(bool (*is_so)(), std::int64_t limit_ns) = 0;
  /// A Worker is about to block in the middle of its turn; throws Overloaded at the limit.
  virtual void block() = 0;
  virtual void unblock() noexcept = 0;
  /// A Worker begins, or has ended, what may take long: others may go on.
  virtual void pause() noexcept = 0;

 protected:
  ~Simulation() = default;
};

/// What stands in for threads and clock in this process; null outside of tests. Changes only while no Env runs.
inline constinit Simulation* simulation = nullptr;

}  // namespace corps::sched
