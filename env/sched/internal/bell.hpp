#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "env/sched/internal/outside.hpp"

namespace corps::sched {

/// Wakes the one thread that sleeps at it. A ring that comes before the sleep is kept; two of them count as one.
/// std::binary_semaphore yields the core a few times first, and asks for a futex that processes may share: dearer at both ends.
class Bell {
 public:
  /// Any thread. A system call only if somebody sleeps.
  [[gnu::hot]] void ring() noexcept;
  /// The bell's own thread sleeps until it rings.
  [[gnu::hot]] void wait() noexcept;
  /// False if it did not ring within the limit.
  bool wait_for(std::chrono::nanoseconds limit) noexcept;
  /// The same, inside of `outside`; false if it has come back from there without a ring. `outside` stays for as long as any
  /// thread may ring.
  [[gnu::hot]] bool wait_at(Outside& outside) noexcept;

 private:
  /// Whether it rang.
  [[gnu::hot]] bool sleep_until(std::int64_t until_ns) noexcept;

  std::atomic<std::uint32_t> state_{0};
  std::atomic<Outside*> outside_{nullptr};
};

}  // namespace corps::sched
