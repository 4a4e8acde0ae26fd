#pragma once

#include <atomic>
#include <cstdint>

#include "env/host/internal/wake_timer.hpp"

namespace corps::net {

/// Who runs an event loop: one thread at a time, either any that comes by and goes again (a visitor), or the loop's own thread,
/// which steps in when no visitor has been there for a while. A visitor that leaves wakes nobody; the alarm does, later.
/// Threads: take(), leave(), call_home() any; await() the loop's own.
class Baton {
 public:
  /// How long nobody may have been there before the loop's own thread steps in.
  static constexpr std::int64_t absence_ns_max = 1'000'000;

  /// Throws std::system_error if the process has no descriptors left.
  Baton() = default;
  Baton(Baton const&) = delete;
  Baton& operator=(Baton const&) = delete;

  /// Whether the caller has it now.
  [[gnu::hot]] bool take() noexcept;
  [[gnu::hot]] void leave(std::int64_t now_ns) noexcept;
  bool is_taken() const noexcept { return taken_.load(std::memory_order_seq_cst); }
  /// The loop's own thread is to run it, if nobody does.
  void call_home() noexcept;
  /// Sleeps until the loop's own thread is needed, and takes the baton.
  void await() noexcept;

 private:
  host::WakeTimer alarm_{"cannot make a timer for the event loop"};
  std::atomic<std::int64_t> left_at_ns_{0};
  std::atomic<bool> taken_{false};
  std::atomic<bool> called_home_{false};
};

}  // namespace corps::net
