#include "env/mail/internal/call_cycle.hpp"

#include <algorithm>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/probe.hpp"
#include "env/mail/internal/waits.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Probing;
using detail::Request;

constexpr std::int64_t second_ns = 1'000'000'000;

/// Looks of many Workers fall together, and those of an idle Env on whole seconds.
std::int64_t on_grid(std::int64_t at_ns) noexcept {
  auto const grid = at_ns - detail::now_ns() < second_ns ? cycle_wait_ns_min : second_ns;
  return (at_ns + grid - 1) / grid * grid;
}

void look_at(Cell& cell, std::int64_t at_ns) noexcept {
  at_ns = on_grid(at_ns);
  if (at_ns < cell.armed_ns) detail::arm(cell, at_ns);
}

bool can_be_stuck(Cell const& cell) noexcept { return !cell.requests.empty() && !cell.can_begin(); }

void look_for_late_wait(Cell& cell);

void send_probe(Cell& cell, Request const* by) {
  cell.probing = Probing::under_way;
  look_at(cell, cell.now_ns + probe_lost_ns);  // it may go to other Envs, and be lost there
  (new Probe{cell.address(), by})->start(cell);
}

/// Else the next look is set.
bool is_old_enough(Cell& cell, Request const& wait) noexcept {
  auto const at_ns = wait.since_ns + cycle_wait_ns_min;
  if (at_ns > cell.now_ns) look_at(cell, at_ns);
  return at_ns <= cell.now_ns;
}

void look_for_late_wait(Cell& cell) {
  Request const* by = nullptr;
  bool found = false;
  for_each_wait(cell, [&](Request& wait, Request const* whose, WaitKind) {
    if (found || !wait.late || !is_old_enough(cell, wait)) return;
    found = true;
    wait.late = false;
    by = whose;
  });
  if (found) send_probe(cell, by);
}

void look_behind(Cell& cell) {
  auto const* const by = serving(cell);
  auto const* const wait = by == nullptr ? nullptr : wait_of(cell, by);
  if (wait != nullptr && is_old_enough(cell, *wait)) send_probe(cell, by);
}

/// Whether the Worker does not wait for its probe any more.
bool gives_up_lost_probe(Cell& cell) noexcept {
  auto const conc = cell.id.load(std::memory_order_relaxed);
  auto const since_ns = probe_abroad_since(conc);
  auto const lost_ns = (since_ns == 0 ? cell.now_ns : since_ns) + probe_lost_ns;
  if (cell.now_ns >= lost_ns) return forget_probe_abroad(conc);
  look_at(cell, lost_ns);
  return false;
}

}  // namespace

void probe_is_home(Cell& cell, std::int64_t age_ns) noexcept {
  bool const soon = std::exchange(cell.probing, Probing::no) == Probing::again_soon;
  cell.now_ns = detail::now_ns();
  auto const pause = soon ? cycle_wait_ns_min : std::clamp(age_ns, cycle_wait_ns_min, look_pause_ns_max - second_ns);
  if (can_be_stuck(cell)) look_at(cell, cell.now_ns + pause);
  look_for_late_wait(cell);
}

void look_soon(Cell& cell) noexcept {
  cell.now_ns = detail::now_ns();
  look_at(cell, cell.now_ns + cycle_wait_ns_min);
}

void wait_began_late(Cell& cell, Request& request) noexcept {
  request.since_ns = cell.recent_ns();
  bool const one_of_several = request.method == nullptr && !request.running;
  if (cell.is_port() || one_of_several) return;
  request.late = true;
  if (cell.armed_ns - cell.now_ns > look_within_ns) look_soon(cell);
}

void look_for_cycles(Cell& cell) noexcept {
  if (cell.is_port()) return;
  cell.now_ns = detail::now_ns();
  if (cell.probing != Probing::no && !gives_up_lost_probe(cell)) {
    cell.probing = Probing::again_soon;
    return;
  }
  cell.probing = Probing::no;
  look_for_late_wait(cell);
  if (cell.probing == Probing::no && can_be_stuck(cell)) look_behind(cell);
}

}  // namespace corps::mail
