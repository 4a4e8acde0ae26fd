#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string_view>
#include <thread>

#include "corps/detail/cell.hpp"

namespace corps::sched {

/// The threads of the Workers that were created with `corps::detached`, one each. A thread begins and ends with its Worker, and
/// sleeps at the mailbox while there is nothing to do: the cell's `wakes` says so, and no scheduler has to do with it.
/// Threads: any.
class OwnThreads {
 public:
  /// `threads_max`: limits.detached_threads.
  explicit OwnThreads(std::size_t threads_max);
  /// Waits for the threads, whose Workers have ended.
  ~OwnThreads();
  OwnThreads(OwnThreads const&) = delete;
  OwnThreads& operator=(OwnThreads const&) = delete;

  /// Starts the thread of a Worker whose mailbox is still closed. It runs the Worker's turns from the first `wake` on. Throws
  /// Overloaded at the limit, or when there is no thread to be had; then nothing has changed.
  void begin(detail::Cell& cell, std::string_view class_name);
  /// Its Worker has ended, on its thread: there is room for another.
  void worker_ended() noexcept;
  /// How many such Workers there are.
  std::size_t count() const;

 private:
  using Place = std::list<std::thread>::iterator;
  void run(Place place, detail::Cell& cell, std::string_view class_name) noexcept;
  void end(Place place) noexcept;

  std::size_t threads_max_;
  mutable std::mutex mutex_;
  std::size_t workers_ = 0;
  std::list<std::thread> threads_;
  std::thread ended_;  // the last that did; the next one to end, or the destructor, joins it
};

/// Of the Env of this process; null while there is none, and under a Simulation, where every Worker is scheduled.
OwnThreads* own_threads() noexcept;

}  // namespace corps::sched
