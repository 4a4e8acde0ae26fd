#include "corps/detail/timer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/time.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/own_wait.hpp"
#include "env/mail/internal/workers.hpp"

namespace corps::detail {
namespace {

ErrorInfo not_set(Alarmed why) {
  if (why == Alarmed::full)
    return {Errc::overloaded,
            Ran::no,
            fmt::format("{} timers wait in this Env, the most that may; stop some, or raise limits.timers", env_facts.timers_max),
            {},
            {}};
  return {Errc::refused, Ran::no, "no Env runs in this process, or it is stopping: so there is no clock", {}, {}};
}

std::int64_t later(std::int64_t delay_ns) { return deadline_after(now_ns(), std::max<std::int64_t>(0, delay_ns)); }

constinit MethodRecord const sleep_record{{0, "corps", "sleep_for", ""}, nullptr};

/// A request that is sent to the clock, and comes home when the time has come.
struct Sleep final : mail::OwnWait, Alarm {
  explicit Sleep(bool deadline_first) : OwnWait(sleep_record), deadline_comes_first(deadline_first) { sleeps = true; }

  void ring() noexcept override {
    if (deadline_comes_first)
      return bounce({Errc::timeout,
                     Ran::yes,
                     fmt::format("the deadline of the request came while it slept at {}; sleep less, or give the request longer "
                                 "with within(...)",
                                 to_string(sent_to)),
                     {},
                     {}});
    end();
  }
  void given_back() noexcept override { bounce(not_set(Alarmed::no_clock)); }
  void let_go() noexcept override {
    if (call_off(*this).was_set) take_back();
  }

  bool deadline_comes_first;
};

/// Between the deadline of a request and the end of its sleep: so that its caller has ended the call itself.
constexpr std::int64_t caller_first_ns = 1'000'000;

Future<void> sleep_to(std::int64_t at_ns) {
  auto const deadline = self().context.deadline_ns;
  auto const limit = deadline == never_ns ? never_ns : deadline_after(deadline, caller_first_ns);
  auto& sleep = *std::make_unique<Sleep>(limit < at_ns).release();
  auto future = FutureMaker<void>::make(sleep);
  if (!mail::open_own_wait(sleep)) return future;
  if (auto const set = set_alarm(sleep, std::min(at_ns, limit)); set != Alarmed::set) sleep.bounce(not_set(set));
  return future;
}

}  // namespace

// --- timers ------------------------------------------------------------------------------------------------------

void TimerState::start(std::int64_t delay_ns) {
  next_ns_ = later(delay_ns);
  holds_.fetch_add(1, std::memory_order_relaxed);
  auto const set = set_alarm(*this, next_ns_);
  if (set == Alarmed::set) return;
  holds_.fetch_sub(1, std::memory_order_relaxed);
  throw_error(not_set(set));
}

void TimerState::stop() noexcept {
  stopped_.store(true, std::memory_order_relaxed);
  auto const [was_set, was_owned] = call_off(*this);
  free_function();
  if (was_set) let_go();
  if (was_owned) let_go();
}

void TimerState::detach() noexcept {
  if (!end_with(*this, self().id.load(std::memory_order_relaxed))) let_go();
}

void TimerState::given_back() noexcept {
  stopped_.store(true, std::memory_order_relaxed);
  free_function();
  let_go();
}

void TimerState::ring() noexcept {
  bool const rings_again = period_ns_ != 0;
  if (running_.exchange(true, std::memory_order_acq_rel)) {
    skipped_.fetch_add(1, std::memory_order_relaxed);
  } else {
    holds_.fetch_add(1, std::memory_order_relaxed);
    fire();
  }
  if (rings_again) {
    auto const missed = (now_ns() - next_ns_) / period_ns_;
    skipped_.fetch_add(static_cast<std::uint64_t>(missed), std::memory_order_relaxed);
    next_ns_ = deadline_after(next_ns_ + missed * period_ns_, period_ns_);
    if (set_alarm(*this, next_ns_, true) == Alarmed::set) return;
  } else if (call_off(*this).was_owned) {
    let_go();
  }
  let_go();
}

void TimerState::run_ended() noexcept {
  running_.store(false, std::memory_order_release);
  let_go();
}

bool timer_call_failed(Request const& request) noexcept {
  lost_error(request, *request.error);
  return request.error->code == Errc::worker_lost;
}

void begin_own_step(Cell& cell) noexcept {
  cell.context = {};
  cell.doing.store(&mail::own_task, std::memory_order_relaxed);
}

std::chrono::nanoseconds checked_period(std::chrono::nanoseconds period) {
  if (period < std::chrono::milliseconds{1}) throw std::invalid_argument{"corps: the period of a timer is 1 ms at least"};
  return period;
}

}  // namespace corps::detail

namespace corps {

Future<void> sleep_for(std::chrono::nanoseconds time) { return detail::sleep_to(detail::later(time.count())); }

Future<void> sleep_until(std::chrono::steady_clock::time_point time) {
  return detail::sleep_to(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

}  // namespace corps
