#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "corps/detail/cell.hpp"

namespace corps::mail {

/// Sends a Worker its tick when the earliest deadline of its open calls has come. It holds one entry a Worker, not one a
/// call, and a Worker arms it only for a deadline earlier than the one it is armed for: calls that are answered in time
/// leave no trace here.
/// Threads: `arm` any.
class DeadlineClock {
 public:
  DeadlineClock();
  ~DeadlineClock();
  DeadlineClock(DeadlineClock const&) = delete;
  DeadlineClock& operator=(DeadlineClock const&) = delete;

  void arm(detail::Cell& cell, std::int64_t at_ns);

 private:
  struct Entry {
    std::int64_t at_ns;
    detail::Cell* cell;
    bool operator>(Entry const& other) const noexcept { return at_ns > other.at_ns; }
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace corps::mail
