#include "corps/detail/cell.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::detail {
namespace {

/// At the 1 GHz that a cycle counter has at least, a tenth of a millisecond: after so many cycles the clock is worth its price.
constexpr std::uint64_t cycles_per_clock_read = 100'000;

/// When this thread read the clock, and what it said.
struct Reading {
  std::uint64_t cycles;
  std::int64_t ns;
};
[[maybe_unused]] constinit thread_local Reading last{0, 0};

}  // namespace

std::int64_t recent_now_ns() noexcept {
#if defined(__x86_64__)
  if (sched::simulation == nullptr) [[likely]] {
    auto const cycles = __builtin_ia32_rdtsc();
    if (cycles - last.cycles > cycles_per_clock_read) [[unlikely]]
      last = {cycles, now_ns()};
    return last.ns;
  }
#endif
  return now_ns();
}

std::int64_t last_recent_now_ns() noexcept {
#if defined(__x86_64__)
  if (sched::simulation == nullptr && last.ns != 0) [[likely]]
    return last.ns;
#endif
  return recent_now_ns();
}

}  // namespace corps::detail
