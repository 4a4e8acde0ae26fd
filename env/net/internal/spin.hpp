#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "env/host/internal/cores.hpp"

namespace corps::net {

/// Whether it pays to look again and again for a moment before a sleep: learnt from what it was good for before. Where calls
/// follow each other closely, looking is quicker than a sleep and a wake-up. Where they do not, or where others want the core, it
/// is only tried now and then. Threads: one at a time.
class Spin {
 public:
  /// Longer than another Env of this host needs to wake up and answer.
  static constexpr std::chrono::nanoseconds budget_default = std::chrono::microseconds{50};
  /// Between two looks of a thread that keeps its core: interrupts are shorter, the turn of another thread is longer.
  static constexpr std::int64_t gap_ns_max = 200'000;

  /// Looks at most so long; 0: never. Never either where the process has only one core.
  explicit Spin(std::chrono::nanoseconds budget) : budget_ns_(host::usable_cores() > 1 ? budget.count() : 0) {}

  std::int64_t budget_ns() const noexcept { return budget_ns_; }
  /// Whether this sleep begins with looking. If so, one of the next three follows, unless it is broken off.
  bool begins() noexcept { return budget_ns_ != 0 && (worth_ > 0 || --sleeps_until_try_ <= 0); }
  /// Something came.
  void paid() noexcept {
    worth_ = std::min(worth_ + 1, worth_max);
    sleeps_until_try_ = sleeps_between_tries;
  }
  /// Nothing came.
  void was_in_vain() noexcept {
    worth_ = std::max(worth_ - 1, 0);
    sleeps_until_try_ = sleeps_between_tries;
  }
  /// Another thread wants the core.
  void was_disturbed() noexcept {
    worth_ = 0;
    sleeps_until_try_ = sleeps_after_disturbance;
  }

 private:
  static constexpr int worth_max = 8;
  static constexpr int sleeps_between_tries = 16;
  static constexpr int sleeps_after_disturbance = 128;

  std::int64_t budget_ns_;
  int worth_ = 0;
  int sleeps_until_try_ = sleeps_between_tries;
};

}  // namespace corps::net
