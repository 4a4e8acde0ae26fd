#pragma once

#include <algorithm>
#include <chrono>

#include "env/host/internal/random.hpp"

namespace corps::net {

/// How long to wait before the next try: not at all before the first, then twice as long each time, up to a second, and half of
/// it by chance, so that not all who lost the same peer come back at the same moment.
/// Threads: one at a time.
class BackOff {
 public:
  std::chrono::nanoseconds next(host::Random& random) {
    auto const step = step_;
    step_ = std::clamp(2 * step, first_step, last_step);
    if (step.count() == 0) return step;
    auto const half = static_cast<std::uint64_t>(step.count() / 2);
    return std::chrono::nanoseconds(half + host::random_u64(random) % half);
  }
  void reset() noexcept { step_ = std::chrono::nanoseconds{0}; }

 private:
  static constexpr std::chrono::nanoseconds first_step = std::chrono::milliseconds{20};
  static constexpr std::chrono::nanoseconds last_step = std::chrono::seconds{1};
  std::chrono::nanoseconds step_{0};
};

}  // namespace corps::net
