#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/net/internal/gathering.hpp"
#include "env/sched/internal/job.hpp"
#include "env/sched/internal/simulation.hpp"
#include "env/sched/internal/turn_note.hpp"

namespace corps::sched {
namespace {

using detail::Cell;

constexpr int requests_per_turn = 64;
constexpr std::int64_t turn_ns_max = 200'000;
constexpr int tells_per_look = 8;  // at the clock, while it stands still: a look costs as much as a short method

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
  net::Gathering const gathering;
  auto const begin = cell.recent_ns();
  NotedTurn const noted{cell.id.load(std::memory_order_relaxed), begin};
  cell.look();  // what is urgent does not wait behind what was left over from the last turn
  int const served_max = simulation == nullptr ? requests_per_turn : simulation->requests_per_turn();
  int tells_unseen = 0;  // by the clock
  int tells_unseen_max = 1;
  auto now = begin;
  for (int served = 1; served <= served_max; ++served) {
    auto* const envelope = cell.take();
    if (envelope == nullptr) return false;
    if (envelope->target != cell.id.load(std::memory_order_relaxed)) {
      envelope->undeliverable();
      continue;
    }
    bool const is_tell = envelope->kind == detail::EnvelopeKind::tell;
    if (!is_tell && tells_unseen != 0) cell.recent_ns();  // it may have a deadline
    envelope->arrive(cell);
    cell.settle();
    cell.doing.store(nullptr, std::memory_order_relaxed);
    if (cell.exiting) {
      mail::end_worker(cell);
      return false;
    }
    if (is_tell && ++tells_unseen < tells_unseen_max) continue;
    tells_unseen = 0;
    auto const before = std::exchange(now, cell.recent_ns());
    tells_unseen_max = now == before ? tells_per_look : 1;
    if (now - begin > turn_ns_max) return true;
  }
  return true;
}

}  // namespace corps::sched
