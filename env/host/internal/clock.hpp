#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace corps::host {

/// Time is handed in: production code reads it here and nowhere else, so that tests can move it by hand.
/// Threads: all may be called by several threads at once.
class Clock {
 public:
  virtual ~Clock();
  /// Nanoseconds of a clock that never goes back; its zero means nothing, and it is of use on this host only.
  virtual std::uint64_t monotonic_ns() = 0;
  /// The time of day, for people: logs and reports. It may jump.
  virtual std::chrono::system_clock::time_point wall() = 0;

  /// The system's clocks. Lives as long as the process.
  static Clock& system();
};

/// As the system's monotonic_ns(), without a look for the object: a call after a pause, which finds nothing in the caches, reads
/// the clock first.
[[gnu::hot]] std::uint64_t system_monotonic_ns() noexcept;

/// The twin for tests: stands still until it is moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::chrono::nanoseconds start = std::chrono::seconds(1)) noexcept
      : now_ns_(static_cast<std::uint64_t>(start.count())) {}

  std::uint64_t monotonic_ns() override { return now_ns_.load(); }
  std::chrono::system_clock::time_point wall() override;
  void advance(std::chrono::nanoseconds by) noexcept { now_ns_.fetch_add(static_cast<std::uint64_t>(by.count())); }

 private:
  std::atomic<std::uint64_t> now_ns_;
};

}  // namespace corps::host
