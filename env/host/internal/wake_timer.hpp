#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

/// A timer on which one thread sleeps, and which others set: one system call if it would not ring by then anyway, and no wake-up
/// before it rings.
/// Threads: ring_at() any; wait() one.
class WakeTimer {
 public:
  /// Throws std::system_error if the process has no descriptors left.
  explicit WakeTimer(char const* purpose);
  WakeTimer(WakeTimer const&) = delete;
  WakeTimer& operator=(WakeTimer const&) = delete;

  /// It rings then, or before. In the past: at once.
  void ring_at(std::int64_t at_ns) noexcept;
  void ring() noexcept { ring_at(at_once_ns); }
  /// Sleeps until it rings. Then it is not set any more.
  void wait() noexcept;

 private:
  static constexpr std::int64_t at_once_ns = 1;

  UniqueFd timer_;
  std::mutex mutex_;
  std::atomic<std::int64_t> rings_at_ns_{0};  // 0: it does not
};

}  // namespace corps::host
