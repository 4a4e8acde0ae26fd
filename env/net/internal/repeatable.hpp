#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "env/net/internal/fragments.hpp"

namespace corps::net {

/// Between which Workers calls of idempotent methods are away over a link, and what was answered meanwhile: behind that, none of
/// them is sent again. Nothing is kept between Workers that have no such calls away.
/// Threads: one at a time. Limits: an entry for each pair that has such calls away.
class Repeatable {
 public:
  bool empty() const noexcept { return pairs_.empty(); }
  /// A call of an idempotent method goes away.
  void add(WorkerPair const& pair) { ++pairs_[pair].away; }
  /// A call has come back, of whatever method: it has run, or may have.
  void answered(WorkerPair const& pair, std::uint64_t number) noexcept {
    if (auto const found = pairs_.find(pair); found != pairs_.end())
      found->second.answered = std::max(found->second.answered, number);
  }
  /// One that was added is away no more.
  void remove(WorkerPair const& pair) noexcept {
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
};

}  // namespace corps::net
