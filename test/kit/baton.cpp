#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "corps/detail/envelope.hpp"
#include "corps/detail/send.hpp"
#include "corps/error.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/sched/internal/job.hpp"
#include "env/sched/internal/scheduler.hpp"
#include "test/kit/internal/baton.hpp"
#include "test/kit/twin.hpp"

namespace corps::test {
namespace {

constexpr std::int64_t start_ns = 1'000'000'000'000;  // of the clock: not nothing, so that a forgotten zero is seen
constexpr std::uint64_t lanes_max = 3;
constexpr std::uint64_t preempt_one_in = 4;
constexpr std::uint64_t requests_per_turn_max = 64;

constinit thread_local Strand* own_strand = nullptr;

/// Of a thread that is to take part, or has the baton.
Strand& self() {
  if (own_strand != nullptr) return *own_strand;
  std::fputs("twin: a thread that the twin did not start uses the Corps; start it with Twin::thread\n", stderr);
  std::abort();
}

std::string open_calls(detail::Cell const& cell) {
  std::string text;
  for (auto* request = cell.open; request != nullptr; request = request->open_next)
    text +=
        fmt::format("{} {} at {}", text.empty() ? ", waits for" : ",", mail::method_name(*request), to_string(request->sent_to));
  return text;
}

std::int64_t next_alarm_ns() {
  auto* const clock = mail::active_clock();
  return clock == nullptr ? detail::never_ns : clock->next_alarm_ns();
}

}  // namespace

/// Hands the baton on when a thread has ended and its thread-local objects are gone, its port among them.
struct Baton::EndOfThread {
  ~EndOfThread() {
    auto& me = *own_strand;
    me.state = Strand::State::ended;
    if (&me != &baton.strands_.front() && !baton.closing_) baton.hand_on(me);
  }
  Baton& baton;
};

Baton::Baton(std::uint64_t seed, std::int64_t turn_takes_max_ns)
    : random_(seed), now_ns_(start_ns), turn_takes_max_ns_(turn_takes_max_ns), lanes_(1 + random(lanes_max)) {
  sched::simulation = this;
}

Baton::~Baton() {
  closing_ = true;
  for (auto& strand : strands_) {
    if (!strand.thread.joinable()) continue;
    if (strand.state == Strand::State::idle) strand.go.release();
    strand.thread.join();
  }
  sched::simulation = nullptr;
}

// --- threads -----------------------------------------------------------------------------------------------------

Strand& Baton::begin(std::string name, bool runs_workers, std::function<void()> body) {
  auto& strand = strands_.emplace_back();
  strand.name = std::move(name);
  strand.runs_workers = runs_workers;
  strand.thread = std::thread{[this, &strand, run = std::move(body)] {
    strand.go.acquire();
    own_strand = &strand;
    thread_local EndOfThread end{*this};  // made before the port, so it goes after it
    try {
      run();
    } catch (...) {
      strand.failure = std::current_exception();
    }
  }};
  return strand;
}

void Baton::run_first(std::string name, std::function<void()> body) {
  auto& first = begin(std::move(name), false, std::move(body));
  first.state = Strand::State::running;
  first.go.release();
  first.thread.join();
}

void Baton::add(std::string name, std::function<void()> body) {
  begin(std::move(name), false, std::move(body));
  maybe_preempt();
}

void Baton::join() {
  auto const& me = self();
  auto const has_ended = [&](Strand const& strand) {
    return strand.runs_workers || &strand == &me || &strand == &strands_.front() || strand.state == Strand::State::ended;
  };
  wait_until([&] { return std::ranges::all_of(strands_, has_ended); }, detail::never_ns);
}

std::exception_ptr Baton::failure() const {
  for (auto const& strand : strands_)
    if (strand.failure) return strand.failure;
  return nullptr;
}

void Baton::run_workers(Strand& me) {
  while (!closing_) {
    auto& cell = *me.job;
    ++in_turn_;
    bool const has_more = sched::run_turn(cell);
    --in_turn_;
    if (turn_takes_max_ns_ > 0) now_ns_ += static_cast<std::int64_t>(random(static_cast<std::uint64_t>(turn_takes_max_ns_) + 1));
    if (has_more) workers_.push_back(&cell);
    me.state = Strand::State::idle;
    hand_on(me);
  }
}

Strand& Baton::thread_for_turn(Strand& me) {
  if (me.state == Strand::State::idle) return me;
  auto const idle = std::ranges::find(strands_, Strand::State::idle, &Strand::state);
  if (idle != strands_.end()) return *idle;
  return begin("a thread of Workers", true, [this] { run_workers(self()); });
}

// --- who goes on -------------------------------------------------------------------------------------------------

std::uint64_t Baton::random(std::uint64_t bound) { return random_() % bound; }

void Baton::collect() {
  choices_.clear();
  for (auto& strand : strands_) {
    bool const can_run = strand.state == Strand::State::ready ||
                         (strand.state == Strand::State::asleep && (strand.until_ns <= now_ns_ || strand.is_so()));
    if (can_run) choices_.push_back({.strand = &strand});
  }
  if (in_turn_ < lanes_)
    for (std::size_t i = 0; i < workers_.size(); ++i) choices_.push_back({.worker = i});
  for (auto const& [at_ns, cell] : deadlines_)
    if (at_ns <= now_ns_) choices_.push_back({.due = cell});
  if (next_alarm_ns() <= now_ns_) choices_.push_back({.alarm = true});
  if (!choices_.empty()) return;
  for (auto& strand : strands_)
    if (strand.state == Strand::State::settles) choices_.push_back({.strand = &strand});
}

/// To the next moment at which something happens; false if there is none.
bool Baton::advance_clock() {
  auto next = detail::never_ns;
  for (auto const& strand : strands_)
    if (strand.state == Strand::State::asleep) next = std::min(next, strand.until_ns);
  for (auto const& deadline : deadlines_) next = std::min(next, deadline.first);
  next = std::min(next, next_alarm_ns());
  if (next == detail::never_ns) return false;
  now_ns_ = next;
  return true;
}

Baton::Choice Baton::choose() {
  for (collect(); choices_.empty(); collect())
    if (!advance_clock()) wake_all_stuck();
  auto const index = random(choices_.size());
  note(choices_.size());
  note(index);
  note(static_cast<std::uint64_t>(now_ns_));
  return choices_[index];
}

void Baton::hand_on(Strand& me) {
  for (;;) {
    choosing_ = true;
    auto const chosen = choose();
    if (chosen.alarm) {
      mail::active_clock()->ring_next();
      choosing_ = false;
      continue;
    }
    if (chosen.due != nullptr) {
      forget(*chosen.due);
      mail::send_tick(*chosen.due);
      choosing_ = false;
      continue;
    }
    choosing_ = false;
    if (chosen.strand != nullptr) return give_to(*chosen.strand, me);
    auto* const worker = workers_[chosen.worker];
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(chosen.worker));
    auto& thread = thread_for_turn(me);
    thread.job = worker;
    return give_to(thread, me);
  }
}

void Baton::give_to(Strand& next, Strand& me) {
  bool const ended = me.state == Strand::State::ended;
  next.state = Strand::State::running;
  if (&next == &me) return;
  next.go.release();
  if (!ended) me.go.acquire();
}

void Baton::maybe_preempt() noexcept {
  auto& me = self();
  if (choosing_ || random(preempt_one_in) != 0) return;
  me.state = Strand::State::ready;
  hand_on(me);
}

bool Baton::wait_until(std::function<bool()> is_so, std::int64_t until_ns, detail::Cell const* at) {
  auto& me = self();
  me.is_so = std::move(is_so);
  me.until_ns = until_ns;
  me.at = at;
  me.state = Strand::State::asleep;
  hand_on(me);
  me.at = nullptr;
  if (std::exchange(me.stuck, false)) throw Stuck{report_};
  return std::exchange(me.is_so, nullptr)();
}

void Baton::settle() {
  auto& me = self();
  me.state = Strand::State::settles;
  hand_on(me);
}

// --- nobody can go on --------------------------------------------------------------------------------------------

void Baton::wake_all_stuck() {
  report_ = report();
  bool anybody = false;
  for (auto& strand : strands_) {
    if (strand.state != Strand::State::asleep) continue;
    strand.state = Strand::State::ready;
    strand.stuck = anybody = true;
  }
  if (anybody) return;
  std::fprintf(stderr, "twin: %s\n", report_.c_str());
  std::abort();
}

std::string Baton::report() const {
  std::string text = "nobody can go on, and no deadline is to come:";
  for (auto const& strand : strands_) {
    if (strand.state != Strand::State::asleep) continue;
    auto const what = strand.at == nullptr ? std::string{" waits for what the test asked for"} : " waits at its mailbox";
    text += fmt::format("\n  {}{}{}", strand.name, what, strand.at == nullptr ? std::string{} : open_calls(*strand.at));
  }
  mail::slab().for_each([&](detail::Cell& cell) {
    if (cell.is_port() || (cell.open == nullptr && cell.running == nullptr)) return;
    text += fmt::format("\n  {} at {}", cell.cls->name, to_string(cell.address()));
    for (auto* request = cell.running; request != nullptr; request = request->running_next)
      text += fmt::format(", runs {}", mail::method_name(*request));
    text += open_calls(cell);
  });
  return text;
}

// --- what the runtime asks for -----------------------------------------------------------------------------------

void Baton::enqueue(detail::Cell& cell) noexcept {
  workers_.push_back(&cell);
  maybe_preempt();
}

int Baton::requests_per_turn() noexcept { return random(2) == 0 ? 1 : static_cast<int>(1 + random(requests_per_turn_max)); }

void Baton::arm(detail::Cell& cell, std::int64_t at_ns) {
  forget(cell);
  deadlines_.emplace_back(at_ns, &cell);
}

void Baton::forget(detail::Cell& cell) noexcept {
  std::erase_if(deadlines_, [&](auto const& deadline) { return deadline.second == &cell; });
}

void Baton::sleep(detail::Cell& cell, std::int64_t until_ns) {
  try {
    wait_until([&cell] { return cell.signal.load(std::memory_order_acquire) != 0; }, until_ns, &cell);
  } catch (Stuck const&) {
    detail::MailboxHead const idle{cell.inbox.load(std::memory_order_relaxed)};
    cell.inbox.store(idle.woken().word(), std::memory_order_relaxed);
    cell.wakes.store(detail::Wakes::scheduler, std::memory_order_relaxed);
    throw;
  }
}

bool Baton::wait(bool (*is_so)(), std::int64_t limit_ns) { return wait_until(is_so, deadline_after(limit_ns)); }

std::int64_t Baton::deadline_after(std::int64_t limit_ns) const noexcept { return detail::deadline_after(now_ns_, limit_ns); }

void Baton::block() {
  if (blocked_ == spare_max_) throw Overloaded{sched::all_blocked(spare_max_)};
  ++blocked_;
  --in_turn_;
}

void Baton::unblock() noexcept {
  --blocked_;
  ++in_turn_;
}

}  // namespace corps::test
