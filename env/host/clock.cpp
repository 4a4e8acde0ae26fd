#include "env/host/internal/clock.hpp"

#include <ctime>

namespace corps::host {

namespace {

class SystemClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() override { return system_monotonic_ns(); }
  std::chrono::system_clock::time_point wall() override { return std::chrono::system_clock::now(); }
};

}  // namespace

std::uint64_t system_monotonic_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

Clock::~Clock() = default;

Clock& Clock::system() {
  static SystemClock& clock = *new SystemClock;  // never destroyed: threads that outlive main may still ask
  return clock;
}

std::chrono::system_clock::time_point ManualClock::wall() {
  auto const since_start = std::chrono::nanoseconds(static_cast<std::int64_t>(now_ns_.load()));
  return std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(since_start));
}

}  // namespace corps::host
