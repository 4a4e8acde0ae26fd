#include "env/mail/internal/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/host/internal/clock.hpp"
#include "env/mail/internal/cancel.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/waits.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Request;

std::uint64_t id_of(Request const* request) noexcept { return reinterpret_cast<std::uintptr_t>(request); }
std::uint64_t id_of(detail::MethodRecord const* method) noexcept { return method == nullptr ? 0 : method->id.hash; }

/// What is to be added to a time of this process, so that it is one of all hosts. It stays the same, though the wall's clock may
/// be set: a wait has one time of birth. Where clocks differ, so much older or younger may a wait be than the one that ends.
std::int64_t to_wall_ns() noexcept {
  static std::int64_t const ahead = [] {
    auto const wall = host::Clock::system().wall().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count() - detail::now_ns();
  }();
  return ahead;
}

std::string name_of(std::uint64_t method) {
  if (method == 0) return "a Task of its own";
  auto const* const record = detail::find_method(method);
  return record == nullptr ? fmt::format("a method that this program has not ({:016x})", method) : detail::readable(*record);
}

/// Whether what the hop waits for is what waits in the next one; else it was put aside there.
bool is_served_by(Hop const& hop, Hop const& next) noexcept {
  return hop.is_call() && hop.worker.env != hop.target.env ? hop.begun : next.by_id == hop.call_id;
}

}  // namespace

std::string text_of_cycle(std::vector<Hop> const& hops, std::size_t first) {
  std::string text = "requests wait for each other in a circle: ";
  for (std::size_t i = 0; i < hops.size(); ++i) {
    auto const& hop = hops[(first + i) % hops.size()];
    auto const& next = hops[(first + i + 1) % hops.size()];
    if (i == 0) text += fmt::format("{} at {}", name_of(hop.by_method), to_string(hop.worker));
    text += fmt::format("{} waits for {} at {}", i == 0 ? "" : ", which", name_of(hop.method), to_string(hop.target));
    if (!is_served_by(hop, next)) text += fmt::format(", which waits until {} there has ended", name_of(next.by_method));
  }
  return text + "; let one of them tell instead of call, or not wait for the answer, or declare its class interleaved";
}

void Probe::arrive(Cell& cell) {
  if (!comes_home_) return next(cell);
  std::unique_ptr<Probe> const self{this};
  probe_is_home(cell, age_ns_);
}

void Probe::go(ConcId to) noexcept {
  target = to;
  if (auto* const cell = detail::find(to); cell != nullptr && cell->push(this)) return;
  undeliverable();
}

void Probe::go_home() noexcept {
  std::unique_ptr<Probe> self{this};
  if (visits_) return send_home();
  if (comes_home_) return;
  comes_home_ = true;
  target = home_.conc;
  if (auto* const cell = detail::find(home_.conc); cell != nullptr && cell->push(this)) (void)self.release();
}

/// At the target of the call it follows.
void Probe::next(Cell& cell) {
  bool const begun_here = wait_of(cell, call_) != nullptr;
  bool const is_put_aside = !begun_ && !cell.can_begin();
  auto const* const node = begun_here ? call_ : is_put_aside ? serving(cell) : nullptr;
  if (node == nullptr) return go_home();
  if (node == origin_ && cell.address() == home_) return close_round(cell);
  auto const known = [&](Hop const& hop) { return hop.by_id == id_of(node) && hop.worker == cell.address(); };
  if (round_ == Round::first && std::ranges::any_of(hops_, known)) return go_home();  // a circle that others are in
  follow(cell, node);
}

void Probe::close_round(Cell& cell) {
  switch (round_) {
    case Round::first: return begin_round(cell, Round::confirms);
    case Round::confirms:
      if (confirmed_ != hops_.size()) return go_home();
      chosen_ = youngest();
      return begin_round(cell, Round::ends_wait);
    case Round::ends_wait: return go_home();
  }
}

void Probe::begin_round(Cell& cell, Round round) {
  round_ = round;
  confirmed_ = 0;
  way_.clear();
  follow(cell, origin_);
}

void Probe::follow(Cell& cell, Request const* by) {
  cell.look();
  cell.now_ns = detail::now_ns();  // waits that begin from now on are told from those there are
  auto* const wait = wait_of(cell, by);
  if (wait == nullptr || wait->landed || wait->stands_for_tell || !note(cell, *by, *wait)) return go_home();
  if (round_ == Round::ends_wait && confirmed_ == chosen_ + 1) return end_wait(cell, *wait);
  if (wait->method == nullptr) return follow(cell, wait);
  if (wait->sent_to.env != detail::env_facts.env) return go_abroad(wait->sent_to.env, wait->origin_call);
  call_ = wait;
  begun_ = last_hop().begun;
  go(wait->sent_to.conc);
}

/// After the first round, whether it is what that one met.
bool Probe::note(Cell const& cell, Request const& by, Request const& wait) {
  bool const is_task = wait.method == nullptr;
  Hop hop{.worker = cell.address(),
          .by_id = id_of(&by),
          .by_method = id_of(by.method),
          .call_id = id_of(&wait),
          .method = id_of(wait.method),
          .target = is_task ? cell.address() : wait.sent_to,
          .born_ns = wait.since_ns + to_wall_ns(),
          .begun = wait.progress.load(std::memory_order_acquire) != Request::Progress::away};
  if (wait.since_ns == cell.now_ns) {  // another wait could begin now and look the same
    age_ns_ = 0;
    return false;
  }
  if (round_ != Round::first) {
    if (confirmed_ == hops_.size()) return false;
    auto const& met = hops_[confirmed_++];
    if (hop.target.env != hop.worker.env) hop.begun = met.begun;  // the other Env knows
    return met == hop;
  }
  if (hops_.empty()) age_ns_ = cell.now_ns - wait.since_ns;
  if (hops_.size() == probe_hops_max) return false;
  hops_.push_back(hop);
  return true;
}

/// Whoever finds the same ring comes to the same wait.
std::size_t Probe::youngest() const noexcept {
  auto const age = [](Hop const& hop) { return std::tuple{hop.is_call(), hop.born_ns, hop.worker, hop.call_id}; };
  return static_cast<std::size_t>(std::ranges::max_element(hops_, {}, age) - hops_.begin());
}

void Probe::end_wait(Cell& cell, Request& wait) {
  auto const to = wait.sent_to.env;
  bool const put_aside_abroad = to != detail::env_facts.env && !hops_[chosen_].begun;
  auto const number = wait.origin_call;
  cell.closed(wait);
  bool const withdrawn = wait.was_parked && withdraw(wait);
  auto const ran = wait.give_up() ? Ran::no : Ran::maybe;
  if (to != detail::env_facts.env) wait.note_cancel();  // whoever waits for it is told now: it is not sent again
  if (put_aside_abroad) cancel_in_other_env(to, number);
  wait.end_early({Errc::call_cycle, ran, text_of_cycle(hops_, chosen_), {}, {}});
  if (withdrawn) {
    wait.kind = detail::EnvelopeKind::answer;
    wait.arrive(cell);
  }
  go_home();
}

}  // namespace corps::mail
