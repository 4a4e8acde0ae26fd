#include <algorithm>
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
constexpr int tells_per_look = 16;  // at the clock: a look costs as much as a short method

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

/// The clock of a turn. It is looked at after each envelope, or, where tells are short, after several: twice as many as before if
/// it stood still meanwhile, so that those take no longer than a few clock steps. Who ends with envelopes unseen by it looks once
/// more, for the next turn on this thread goes on from its last look.
class TurnClock {
 public:
  explicit TurnClock(Cell& cell) noexcept
      : cell_(cell), begin_ns_(cell.catch_up(detail::last_recent_now_ns())), now_ns_(begin_ns_) {}
  ~TurnClock() {
    if (unseen_ != 0) (void)detail::recent_now_ns();  // the cell may be somebody else's
  }
  TurnClock(TurnClock const&) = delete;
  TurnClock& operator=(TurnClock const&) = delete;

  std::int64_t begin_ns() const noexcept { return begin_ns_; }
  void begins(bool is_tell) noexcept {
    if (!is_tell && std::exchange(unseen_, 0) != 0) cell_.recent_ns();  // it may have a deadline
    ++unseen_;
  }
  /// Whether the turn has lasted long enough.
  bool ended(bool is_tell) noexcept {
    if (is_tell && unseen_ < unseen_max_) return false;
    unseen_ = 0;
    auto const before_ns = std::exchange(now_ns_, cell_.recent_ns());
    unseen_max_ = now_ns_ == before_ns ? std::min(2 * unseen_max_, tells_per_look) : 1;
    return now_ns_ - begin_ns_ > turn_ns_max;
  }

 private:
  Cell& cell_;
  std::int64_t const begin_ns_;
  std::int64_t now_ns_;
  int unseen_ = 0;  // envelopes since the last look
  int unseen_max_ = 1;
};

}  // namespace

bool run_turn(Cell& cell) noexcept {
  Acting const acting{cell};
  net::Gathering const gathering;
  TurnClock clock{cell};
  NotedTurn const noted{cell.id.load(std::memory_order_relaxed), clock.begin_ns()};
  cell.look();  // what is urgent does not wait behind what was left over from the last turn
  int const served_max = simulation == nullptr ? requests_per_turn : simulation->requests_per_turn();
  for (int served = 1; served <= served_max; ++served) {
    auto* const envelope = cell.take();
    if (envelope == nullptr) return false;
    bool const is_tell = envelope->kind == detail::EnvelopeKind::tell;
    clock.begins(is_tell);
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
    if (clock.ended(is_tell)) return true;
  }
  return true;
}

}  // namespace corps::sched
