#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/fragments.hpp"

namespace corps::net {

/// What a link keeps of calls of idempotent methods while they are away: their packed requests, and for each pair of Workers what
/// was answered meanwhile, behind which none of them is sent again. Nothing is kept between Workers that have no such calls away.
/// Threads: one at a time, where nothing else is said. Limits: the requests have `bytes_max` bytes at most; a call of which there
/// is no copy is not sent again.
class Retryable {
 public:
  explicit Retryable(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  bool empty() const noexcept { return pairs_.empty(); }
  /// Whether a request of this size can be kept, for now. Any thread.
  bool has_room(std::size_t bytes) const noexcept {
    auto const kept = bytes_.load(std::memory_order_relaxed);
    return kept <= bytes_max_ && bytes <= bytes_max_ - kept;
  }
  /// A call of an idempotent method goes away. `request`: packed, with room for the header of its frame; empty if there is no
  /// copy.
  void add(WorkerPair const& pair, std::uint64_t number, detail::ByteBuffer request) {
    ++pairs_[pair].away;
    if (request.empty() || !has_room(request.size())) return;
    bytes_.fetch_add(request.size(), std::memory_order_relaxed);
    requests_.emplace(number, std::move(request));
  }
  /// Null if there is no copy.
  detail::ByteBuffer const* request(std::uint64_t number) const noexcept {
    auto const found = requests_.find(number);
    return found == requests_.end() ? nullptr : &found->second;
  }
  /// A call has come back, of whatever method: it has run, or may have.
  void answered(WorkerPair const& pair, std::uint64_t number) noexcept {
    auto const found = pairs_.find(pair);
    if (found != pairs_.end()) found->second.answered = std::max(found->second.answered, number);
  }
  /// One that was added is away no more.
  void remove(WorkerPair const& pair, std::uint64_t number) noexcept {
    if (auto const found = requests_.find(number); found != requests_.end()) {
      bytes_.fetch_sub(found->second.size(), std::memory_order_relaxed);
      requests_.erase(found);
    }
    auto const found = pairs_.find(pair);
    if (found != pairs_.end() && --found->second.away == 0) pairs_.erase(found);
  }
  /// Whether a later call between the same Workers was answered.
  bool is_overtaken(WorkerPair const& pair, std::uint64_t number) const noexcept {
    auto const found = pairs_.find(pair);
    return found != pairs_.end() && number < found->second.answered;
  }

 private:
  struct Pair {
    std::size_t away = 0;
    std::uint64_t answered = 0;  // the highest number
  };
  std::unordered_map<WorkerPair, Pair, HashWorkerPair> pairs_;
  std::unordered_map<std::uint64_t, detail::ByteBuffer> requests_;
  std::atomic<std::size_t> bytes_{0};
  std::size_t bytes_max_;
};

}  // namespace corps::net
