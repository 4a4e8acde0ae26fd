#include "env/net/internal/unpacking.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "env/host/internal/log.hpp"

namespace corps::net {

bool Unpacking::holds(Link const& link, WorkerPair const& pair) {
  std::lock_guard const lock{mutex_};
  auto const found = pairs_.find(&link);
  return found != pairs_.end() && found->second.contains(pair);
}

bool Unpacking::has_room(std::size_t bytes) {
  std::lock_guard const lock{mutex_};
  return bytes_ == 0 || bytes_ + bytes <= bytes_max_;
}

void Unpacking::add(Job job) {
  std::unique_lock lock{mutex_};
  if (stopping_) return;
  if (!has_thread()) {  // nothing waits
    lock.unlock();
    return work_(job);
  }
  bytes_ += job.message.size();
  ++pairs_[job.link][job.pair];
  queue_.push_back(std::move(job));
  jobs_.fetch_add(1, std::memory_order_relaxed);
  changed_.notify_one();
}

bool Unpacking::has_thread() {
  if (thread_.joinable()) return true;
  try {
    thread_ = start_thread_("corps unpack", [this] { run(); });
    start_failed_ = false;
    return true;
  } catch (std::system_error const& error) {
    if (!std::exchange(start_failed_, true))
      host::log(host::Level::error,
                fmt::format("the thread that unpacks large messages cannot be started, and until it can be, they hold up small "
                            "ones; give the process more threads: {}",
                            error.what()));
    return false;
  }
}

void Unpacking::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    auto const bytes = job.message.size();
    work_(job);
    job.message = {};
    lock.lock();
    bytes_ -= bytes;
    auto const pairs = pairs_.find(job.link);
    auto const pair = pairs->second.find(job.pair);
    if (--pair->second == 0) pairs->second.erase(pair);
    if (pairs->second.empty()) pairs_.erase(pairs);
    jobs_.fetch_sub(1, std::memory_order_release);
  }
}

void Unpacking::stop() {
  std::thread thread;
  {
    std::lock_guard const lock{mutex_};
    stopping_ = true;
    thread.swap(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

}  // namespace corps::net
