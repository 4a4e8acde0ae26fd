#include "env/mail/internal/call_cycle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/waits.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::EnvelopeKind;
using detail::Probing;
using detail::Request;

constexpr std::size_t hops_max = 1000;  // of a probe; a longer chain of waits ends by its deadline
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

/// One wait on the way of a probe.
struct Hop {
  ConcAddr worker;
  Request const* by = nullptr;
  detail::MethodRecord const* by_method = nullptr;
  Request const* call = nullptr;
  detail::MethodRecord const* method = nullptr;
  ConcAddr target;
  std::int64_t since_ns = 0;  // before the probe came by: so with `call` it means this wait and none that began later
  bool begun = false;

  bool operator==(Hop const&) const = default;
  bool is_call() const noexcept { return method != nullptr; }
};

std::string name_of(detail::MethodRecord const* method) {
  return method == nullptr ? std::string{"a Task of its own"} : detail::readable(*method);
}

/// Names the whole ring, from the wait that ends.
std::string text_of(std::vector<Hop> const& hops, std::size_t first) {
  std::string text = "requests wait for each other in a circle: ";
  for (std::size_t i = 0; i < hops.size(); ++i) {
    auto const& hop = hops[(first + i) % hops.size()];
    auto const& next = hops[(first + i + 1) % hops.size()];
    if (i == 0) text += fmt::format("{} at {}", name_of(hop.by_method), to_string(hop.worker));
    text += fmt::format("{} waits for {} at {}", i == 0 ? "" : ", which", name_of(hop.method), to_string(hop.target));
    if (next.by != hop.call) text += fmt::format(", which waits until {} there has ended", name_of(next.by_method));
  }
  return text + "; let one of them tell instead of call, or not wait for the answer, or declare its class interleaved";
}

/// Goes from wait to wait, and comes home whatever it finds: so a Worker never has more than one of them under way.
class Probe;
void look_for_late_wait(Cell& cell);

class Probe final : public Envelope {
 public:
  Probe(Cell& cell, Request const* origin) : Envelope(EnvelopeKind::control), home_(cell.address()), origin_(origin) {}

  void start(Cell& cell) { follow(cell, origin_); }

  void arrive(Cell& cell) override {
    switch (stage_) {
      case Stage::follows: return next(cell);
      case Stage::ends_wait: return end_wait(cell);
      case Stage::comes_home: return come_home(cell);
    }
  }
  void undeliverable() noexcept override { go_home(); }

 private:
  enum class Stage : std::uint8_t { follows, ends_wait, comes_home };

  void go(ConcAddr to) noexcept {
    target = to.conc;
    if (auto* const cell = detail::find(to.conc); cell != nullptr && cell->push(this)) return;
    undeliverable();
  }

  void go_home() noexcept {
    std::unique_ptr<Probe> self{this};
    if (stage_ == Stage::comes_home) return;
    stage_ = Stage::comes_home;
    target = home_.conc;
    if (auto* const cell = detail::find(home_.conc); cell != nullptr && cell->push(this)) (void)self.release();
  }

  void come_home(Cell& cell) noexcept {
    std::unique_ptr<Probe> const self{this};
    bool const soon = std::exchange(cell.probing, Probing::no) == Probing::again_soon;
    cell.now_ns = detail::now_ns();
    auto const pause = soon ? cycle_wait_ns_min : std::clamp(age_ns_, cycle_wait_ns_min, look_pause_ns_max - second_ns);
    if (can_be_stuck(cell)) look_at(cell, cell.now_ns + pause);
    look_for_late_wait(cell);
  }

  /// At the target of the call it follows.
  void next(Cell& cell) {
    bool const begun_here = wait_of(cell, call_) != nullptr;
    bool const is_put_aside = !begun_ && !cell.can_begin();
    auto const* const node = begun_here ? call_ : is_put_aside ? serving(cell) : nullptr;
    if (node == nullptr) return go_home();
    if (node == origin_ && cell.address() == home_) return close_round(cell);
    auto const known = [&](Hop const& hop) { return hop.by == node && hop.worker == cell.address(); };
    if (!confirms_ && std::ranges::any_of(hops_, known)) return go_home();  // a circle that others are in
    follow(cell, node);
  }

  void close_round(Cell& cell) {
    if (confirms_ && confirmed_ == hops_.size()) return end_youngest();
    if (confirms_) return go_home();
    confirms_ = true;
    follow(cell, origin_);
  }

  void follow(Cell& cell, Request const* by) {
    cell.look();
    cell.now_ns = detail::now_ns();  // waits that begin from now on are told from those there are
    auto const* const wait = wait_of(cell, by);
    if (wait == nullptr || wait->landed || wait->stands_for_tell || !note(cell, *by, *wait)) return go_home();
    if (wait->method == nullptr) return follow(cell, wait);
    if (wait->sent_to.env != detail::env_facts.env) return go_home();
    call_ = wait;
    begun_ = hops_[confirms_ ? confirmed_ - 1 : hops_.size() - 1].begun;
    go(wait->sent_to);
  }

  /// In the second round, whether it is what the first one met.
  bool note(Cell const& cell, Request const& by, Request const& wait) {
    bool const begun = wait.progress.load(std::memory_order_acquire) != Request::Progress::away;
    Hop const hop{cell.address(), &by,  by.method, &wait, wait.method, wait.method == nullptr ? cell.address() : wait.sent_to,
                  wait.since_ns,  begun};
    if (hop.since_ns == cell.now_ns) {  // another wait could begin now and look the same
      age_ns_ = 0;
      return false;
    }
    if (confirms_) return confirmed_ < hops_.size() && hops_[confirmed_++] == hop;
    if (hops_.empty()) age_ns_ = cell.now_ns - hop.since_ns;
    if (hops_.size() == hops_max) return false;
    hops_.push_back(hop);
    return true;
  }

  /// Whoever finds the same ring comes to the same wait.
  void end_youngest() {
    auto const age = [](Hop const& hop) { return std::tuple{hop.is_call(), hop.since_ns, hop.worker.conc, hop.call}; };
    auto const youngest = std::ranges::max_element(hops_, {}, age);
    chosen_ = static_cast<std::size_t>(youngest - hops_.begin());
    stage_ = Stage::ends_wait;
    go(youngest->worker);
  }

  void end_wait(Cell& cell) {
    auto const& hop = hops_[chosen_];
    auto* const wait = wait_of(cell, hop.by);
    if (wait != nullptr && wait == hop.call && wait->since_ns == hop.since_ns && !wait->landed) {
      cell.closed(*wait);
      bool const withdrawn = wait->was_parked && withdraw(*wait);
      auto const ran = wait->give_up() ? Ran::no : Ran::maybe;
      wait->end_early({Errc::call_cycle, ran, text_of(hops_, chosen_), {}, {}});
      if (withdrawn) {
        wait->kind = EnvelopeKind::answer;
        wait->arrive(cell);
      }
    }
    go_home();
  }

  ConcAddr const home_;
  Request const* const origin_;
  std::vector<Hop> hops_;
  Request const* call_ = nullptr;  // what it follows
  bool begun_ = false;             // the target had begun the call when it set out
  bool confirms_ = false;          // it is in its second round
  std::size_t confirmed_ = 0;
  std::size_t chosen_ = 0;
  std::int64_t age_ns_ = 0;
  Stage stage_ = Stage::follows;
};

void send_probe(Cell& cell, Request const* by) {
  cell.probing = Probing::under_way;
  (new Probe{cell, by})->start(cell);
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

}  // namespace

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
  if (cell.probing != Probing::no) {
    cell.probing = Probing::again_soon;
    return;
  }
  cell.now_ns = detail::now_ns();
  look_for_late_wait(cell);
  if (cell.probing == Probing::no && can_be_stuck(cell)) look_behind(cell);
}

}  // namespace corps::mail
