#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "env/host/internal/thread.hpp"
#include "env/net/internal/fragments.hpp"
#include "env/net/internal/received.hpp"

namespace corps::net {

class Link;

/// Large messages that are unpacked by a thread of their own ("corps unpack"), so that they hold up no small ones on the I/O
/// thread, and what came after them between the same two Workers. The thread begins with the first of them. While it cannot be
/// started, they are unpacked where they come.
/// Limits: `bytes_max` wait, or one message that is larger.
class Unpacking {
 public:
  struct Job {
    Link* link;
    WorkerPair pair;
    FrameKind kind;
    ReceivedMessage message;
  };
  using Work = std::function<void(Job& job)>;

  Unpacking(std::size_t bytes_max, Work work, host::StartThread start_thread = host::start_thread)
      : bytes_max_(bytes_max), work_(std::move(work)), start_thread_(start_thread) {}
  ~Unpacking() { stop(); }
  Unpacking(Unpacking const&) = delete;
  Unpacking& operator=(Unpacking const&) = delete;

  // On the I/O thread.

  bool idle() const noexcept { return jobs_.load(std::memory_order_acquire) == 0; }
  /// Something between these two is here still: what comes after it must be added as well.
  bool holds(Link const& link, WorkerPair const& pair);
  /// There is room for a request of this size.
  bool has_room(std::size_t bytes);
  void add(Job job);

  /// What waits is dropped. Any thread, once.
  void stop();

 private:
  using Pairs = std::unordered_map<WorkerPair, std::size_t, HashWorkerPair>;

  bool has_thread();
  void run();

  std::size_t const bytes_max_;
  Work const work_;
  host::StartThread const start_thread_;
  std::atomic<std::size_t> jobs_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::unordered_map<Link const*, Pairs> pairs_;
  std::size_t bytes_ = 0;
  bool stopping_ = false;
  bool start_failed_ = false;  // when it was tried last
  std::thread thread_;
};

}  // namespace corps::net
