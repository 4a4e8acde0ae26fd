#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/sched/internal/job.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::sched {
namespace {

using detail::Cell;

constexpr int requests_per_turn = 64;
constexpr std::int64_t turn_ns_max = 200'000;
/// At the 1 GHz that a cycle counter has at least, a tenth of a millisecond: after so many cycles the clock is worth its price.
constexpr std::uint64_t cycles_per_clock_read = 100'000;

/// A hint when to read the clock, much cheaper than the clock.
std::uint64_t cycles() noexcept {
#if defined(__x86_64__)
  if (simulation == nullptr) [[likely]]
    return __builtin_ia32_rdtsc();
#endif
  return static_cast<std::uint64_t>(detail::now_ns());
}

/// Makes a Worker the one on whose behalf this thread makes calls.
class Acting {
 public:
  explicit Acting(Cell& cell) noexcept : before_(detail::current_cell) { detail::current_cell = &cell; }
  ~Acting() { detail::current_cell = before_; }
  Acting(Acting const&) = delete;
  Acting& operator=(Acting const&) = delete;

 private:
  Cell* before_;
};

}  // namespace

bool run_turn(Cell& cell) noexcept {
  Acting const acting{cell};
  auto const begin = cell.now_ns = detail::now_ns();
  auto clock_read_at = cycles();
  cell.look();  // what is urgent does not wait behind what was left over from the last turn
  int const served_max = simulation == nullptr ? requests_per_turn : simulation->requests_per_turn();
  for (int served = 1; served <= served_max; ++served) {
    auto* const envelope = cell.take();
    if (envelope == nullptr) return false;
    if (envelope->target != cell.id.load(std::memory_order_relaxed)) {
      envelope->undeliverable();
      continue;
    }
    envelope->arrive(cell);
    cell.settle();
    cell.doing.store(nullptr, std::memory_order_relaxed);
    if (cell.exiting) {
      mail::end_worker(cell);
      return false;
    }
    if (auto const now = cycles(); now - clock_read_at > cycles_per_clock_read) {
      clock_read_at = now;
      cell.now_ns = detail::now_ns();
    }
    if (cell.now_ns - begin > turn_ns_max) return true;
  }
  return true;
}

}  // namespace corps::sched
