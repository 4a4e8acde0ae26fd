#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "corps/detail/cell.hpp"

namespace corps::mail {

/// Sends a Worker its tick when the earliest deadline of its open calls has come. It holds one entry a Worker, not one a
/// call, and a Worker arms it only for a deadline earlier than the one it is armed for: calls that are answered in time
/// leave no trace here.
/// Threads: any.
class DeadlineClock {
 public:
  DeadlineClock();
  ~DeadlineClock();
  DeadlineClock(DeadlineClock const&) = delete;
  DeadlineClock& operator=(DeadlineClock const&) = delete;

  /// Moves the Worker's entry, if it has one.
  void arm(detail::Cell& cell, std::int64_t at_ns);
  /// The Worker ends.
  void forget(detail::Cell& cell) noexcept;
  std::size_t size();

 private:
  using Entry = std::pair<std::int64_t, detail::Cell*>;
  void take_out(detail::Cell& cell) noexcept;
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Entry> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

/// Asks a Worker to look at its open calls; does nothing while an earlier such wish is still on its way.
void send_tick(detail::Cell& cell);

/// Takes a Worker that ends out of the clock of this process.
void forget_deadlines(detail::Cell& cell) noexcept;

}  // namespace corps::mail
