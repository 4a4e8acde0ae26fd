#include <ctime>

#include "corps/detail/cell.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::detail {

std::int64_t coarse_now_ns() noexcept {
  if (sched::simulation != nullptr) [[unlikely]]
    return sched::simulation->now_ns();
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace corps::detail
