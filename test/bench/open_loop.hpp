#pragma once

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "test/bench/measure.hpp"

namespace bench {

/// Calls that are made at times fixed before, whether or not the ones before were answered, and how long each took from the
/// moment it was to be made. They are due in small bursts, so that a program may sleep in between. The same in erlang/links.erl.
class OpenLoop {
 public:
  explicit OpenLoop(double per_second)
      : burst_calls_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(per_second * burst_ns / 1e9))),
        period_ns_(static_cast<double>(burst_calls_) * 1e9 / per_second),
        calls_(static_cast<std::uint64_t>(per_second * lasts_ns / 1e9)) {
    times_.reserve(calls_);
    ::prctl(PR_SET_TIMERSLACK, 1);
  }

  /// The next call is to be made now.
  bool is_due() const { return may_make() && due_ns(sent_) <= now_ns(); }
  /// Until when there is nothing to do but to take answers.
  std::int64_t idle_until_ns() const { return may_make() ? due_ns(sent_) : now_ns() + 1'000'000; }
  /// The next call is made. Returns when it was due, for `answered`.
  std::int64_t make() { return due_ns(sent_++); }
  void answered(std::int64_t was_due_ns) { times_.push_back(now_ns() - was_due_ns); }
  /// All are answered, or the program is too slow to be waited for.
  bool is_over() const { return answered() == calls_ || now_ns() > end_ns_; }

  /// Answers that did not come in time count as if they came now.
  void report() {
    while (answered() < calls_) answered(due_ns(answered()));
    std::sort(times_.begin(), times_.end());
    for (auto const& [name, part] : {std::pair{"-p50", 0.5}, {"-p99", 0.99}, {"-p999", 0.999}})
      bench::report(std::string{running} + name,
                    static_cast<double>(times_[static_cast<std::size_t>(part * static_cast<double>(calls_ - 1))]));
  }

 private:
  static constexpr double burst_ns = 100e3;
  static constexpr double lasts_ns = 1e9;
  static constexpr std::int64_t waits_ns = 2'000'000'000;  // for late answers
  static constexpr std::uint64_t open_max = 5'000;         // further ones wait; what they wait counts

  bool may_make() const { return sent_ < calls_ && sent_ - answered() < open_max; }
  std::uint64_t answered() const { return times_.size(); }
  std::int64_t due_ns(std::uint64_t call) const {
    return begin_ns_ + static_cast<std::int64_t>(static_cast<double>(call / burst_calls_) * period_ns_);
  }

  std::uint64_t burst_calls_;
  double period_ns_;
  std::uint64_t calls_;
  std::uint64_t sent_ = 0;
  std::vector<std::int64_t> times_;
  std::int64_t const begin_ns_ = now_ns() + 1'000'000;
  std::int64_t const end_ns_ = begin_ns_ + static_cast<std::int64_t>(lasts_ns) + waits_ns;
};

/// Until then this thread sleeps; not at all, if it is past.
inline void sleep_until_ns(std::int64_t then_ns) {
  std::this_thread::sleep_until(std::chrono::steady_clock::time_point{std::chrono::nanoseconds{then_ns}});
}

/// Set by whoever runs the open loop when it is over. The semaphore `done` would yield the core with each look.
inline std::atomic<bool> open_loop_is_over{false};

/// Calls `look` whenever calls of an open loop may have become due, until it is over.
template <class Look>
void tick_until_over(Look&& look) {
  constexpr std::int64_t tick_ns = 100'000;
  ::prctl(PR_SET_TIMERSLACK, 1);
  for (auto next_ns = now_ns(); !open_loop_is_over.load(); next_ns = std::max(next_ns + tick_ns, now_ns())) {
    sleep_until_ns(next_ns);
    look();
  }
}

}  // namespace bench
