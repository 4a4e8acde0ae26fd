// Deadlines: what ends when, what surely did not run, and what stays behind.

#include <memory>
#include <stdexcept>

#include "corps/detail/cell.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/net/internal/gathering.hpp"
#include "test/unit/runtime_kit.hpp"

namespace deadline_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;
using std::chrono::steady_clock;

std::int64_t left_ns() {
  auto const deadline = corps::detail::current_cell->context.deadline_ns;
  return deadline == corps::detail::never_ns ? -1 : deadline - corps::detail::now_ns();
}

class Caller : public corps::Conc {
 public:
  std::int64_t left() { return left_ns(); }
  /// What remains for a call that this request makes, when it asks for `limit_ms`; 0: the default, -1: none.
  corps::Task<std::int64_t> left_of(corps::Name<Caller> other, int limit_ms) {
    if (limit_ms == 0) co_return co_await other.call<&Caller::left>();
    if (limit_ms < 0) co_return co_await other.within(corps::no_deadline).call<&Caller::left>();
    co_return co_await other.within(std::chrono::milliseconds(limit_ms)).call<&Caller::left>();
  }
  /// Calls a Worker that is held up; what it learns.
  corps::Task<std::string> call_held(corps::Name<Holder> holder, int limit_ms) {
    try {
      (void)co_await holder.within(std::chrono::milliseconds(limit_ms)).call<&Holder::quick>();
    } catch (corps::Timeout const& error) {
      co_return error.may_have_run() ? "timeout, maybe run" : "timeout, not run";
    }
    co_return "answered";
  }
  std::int64_t deadline() { return corps::detail::current_cell->context.deadline_ns; }
  /// Computes for some time, then calls with a limit. How much earlier than that the deadline is, in ms.
  corps::Task<double> short_by(corps::Name<Caller> other, int limit_ms) {
    auto const until = steady_clock::now() + 60ms;
    while (steady_clock::now() < until) {
    }
    auto const now = corps::detail::now_ns();
    auto answer = limit_ms == 0 ? other.call<&Caller::deadline>()
                                : other.within(std::chrono::milliseconds(limit_ms)).call<&Caller::deadline>();
    auto const deadline = co_await answer;
    auto const limit = limit_ms == 0 ? 10'000 : limit_ms;
    co_return static_cast<double>(now - deadline) / 1e6 + limit;
  }
  corps::Task<bool> get_beside(corps::Name<Holder> holder, std::uint64_t events) {
    auto const before = corps::detail::current_cell->context.deadline_ns;
    auto side = corps::spawn(side_with_limit(holder));
    auto held = holder.call<&Holder::hold>(events);
    object_of<Holder::Events>(events).release.happen();
    (void)held.get();  // the Task beside may go on inside of this
    bool const kept = corps::detail::current_cell->context.deadline_ns == before;
    co_await side;
    co_return kept;
  }

 private:
  static corps::Task<> side_with_limit(corps::Name<Holder> holder) {
    (void)co_await holder.call<&Holder::quick>();
    corps::detail::current_cell->context.deadline_ns = corps::detail::now_ns() + 1'000'000'000'000;  // as another request's
    (void)co_await holder.call<&Holder::quick>();
  }
};

TEST_CASE("a deadline that passes in the queue: surely not run") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto caller = corps::create<Caller>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto const error = error_of(holder.within(5ms).call<&Holder::quick>());  // a plain thread
  CHECK(error.code == Errc::timeout);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("quick") != std::string::npos);
  CHECK(caller.call<&Caller::call_held>(holder, 5).get() == "timeout, not run");  // a Conc
  events.release.happen();
  CHECK(held.get() == 1);
  CHECK(holder.get<&Holder::quick_calls>().get() == 0);
}

TEST_CASE("a deadline that passes while the method runs: maybe run") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.within(200ms).call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto const error = error_of(std::move(held));
  CHECK(error.code == Errc::timeout);
  CHECK(error.ran == Ran::maybe);
  events.release.happen();
  CHECK(holder.call<&Holder::quick>().get() == 1);
}

TEST_CASE("a limit of nothing is over at once") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto const error = error_of(holder.within(0s).call<&Holder::quick>());
  CHECK(error.code == Errc::timeout);
  CHECK(error.ran == Ran::no);
  CHECK(error_of(holder.within(-5s).call<&Holder::quick>()).ran == Ran::no);
  CHECK(holder.get<&Holder::quick_calls>().get() == 0);
}

TEST_CASE("a nested call gets the smaller of its own limit and what remains") {
  Running corps({"limits.request_timeout=\"30s\""});
  auto caller = corps::create<Caller>(corps::here()).get();
  auto other = corps::create<Caller>(corps::here()).get();
  auto const s = [](std::int64_t ns) { return static_cast<double>(ns) / 1e9; };
  CHECK(s(caller.call<&Caller::left>().get()) == doctest::Approx(30).epsilon(0.1));
  CHECK(s(caller.within(10s).call<&Caller::left_of>(other, 0).get()) == doctest::Approx(10).epsilon(0.1));
  CHECK(s(caller.within(10s).call<&Caller::left_of>(other, 5000).get()) == doctest::Approx(5).epsilon(0.1));
  CHECK(s(caller.within(10s).call<&Caller::left_of>(other, 20'000).get()) == doctest::Approx(10).epsilon(0.1));
  CHECK(s(caller.within(10s).call<&Caller::left_of>(other, -1).get()) == doctest::Approx(10).epsilon(0.1));
  CHECK(caller.within(corps::no_deadline).call<&Caller::left>().get() == -1);
  CHECK(caller.within(corps::no_deadline).call<&Caller::left_of>(other, -1).get() == -1);
}

TEST_CASE("a limit counts from the call, however long the method computed before") {
  Running corps({"limits.request_timeout=\"10s\""});
  auto caller = corps::create<Caller>(corps::here()).get();
  auto other = corps::create<Caller>(corps::here()).get();
  CHECK(caller.within(60s).call<&Caller::short_by>(other, 5000).get() <= 0);
  CHECK(caller.within(60s).call<&Caller::short_by>(other, 0).get() <= 20);  // the default limit is a little coarse
}

TEST_CASE("work past its deadline is not begun, however long the work before it took") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  holder.within(10ms).tell<&Holder::quick>();
  auto timed = holder.within(10ms).call<&Holder::quick>();
  CHECK(error_of(std::move(timed)).ran == Ran::no);  // so those 10 ms are over
  events.release.happen();
  CHECK(held.get() == 1);
  CHECK(holder.get<&Holder::quick_calls>().get() == 0);
}

/// Keeps its thread while it ends.
class HoldsAtEnd : public corps::Conc {
 public:
  explicit HoldsAtEnd(std::uint64_t events) : events_(events) {}
  ~HoldsAtEnd() override {
    auto& both = object_of<Holder::Events>(events_);
    both.entered.happen();
    both.release.wait();
  }

 private:
  std::uint64_t events_;
};

/// Holds up who sends through it.
class HoldingCarrier final : public corps::net::Carrier {
 public:
  explicit HoldingCarrier(Holder::Events& events) : Carrier(corps::net::Peer{1, 1}), events_(events) {}
  void attach(corps::net::Outbox&) override {}
  void flush() override {
    events_.entered.happen();
    events_.release.wait();
  }
  void flush_in_time() override {}
  bool flush_in_time_again() override { return true; }
  bool is_open() const override { return true; }
  void close(std::string, corps::net::Ending) override {}
  void flush_and_close(std::string) override {}

 private:
  Holder::Events& events_;
};

/// Has something to send when its turn ends.
class SendsAtEnd : public corps::Conc {
 public:
  void send(std::uint64_t events) {
    corps::net::Gathering::Departure departure;
    departure.by(std::make_shared<HoldingCarrier>(object_of<Holder::Events>(events)));
    departure.go();
  }
};

/// Came for a Worker that is gone, and takes long to end.
struct HoldingEnvelope final : corps::detail::Envelope {
  explicit HoldingEnvelope(Holder::Events& which) : Envelope(corps::detail::EnvelopeKind::control), events(which) {}
  void arrive(corps::detail::Cell&) override { delete this; }
  void undeliverable() noexcept override {
    events.entered.happen();
    events.release.wait();
    delete this;
  }
  Holder::Events& events;
};

/// Waits until the thread is held up, and has work for another Worker whose deadline passes meanwhile. How much was begun.
int begun_behind(Holder::Events& events, corps::Name<Holder> other) {
  REQUIRE(events.entered.wait());
  other.within(10ms).tell<&Holder::quick>();
  CHECK(error_of(other.within(10ms).call<&Holder::quick>()).ran == Ran::no);  // so those 10 ms are over
  events.release.happen();
  return other.get<&Holder::quick_calls>().get();
}

TEST_CASE("work past its deadline is not begun, however long another Worker kept the thread") {
  Running corps({"env.threads=1"});
  auto other = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  SUBCASE("by a tell among short ones") {
    auto slow = corps::create<Holder>(corps::here()).get();
    Holder::Events before;
    slow.tell<&Holder::hold>(handle(before));
    REQUIRE(before.entered.wait());
    for (int i = 0; i < 3; ++i) slow.tell<&Holder::quick>();
    slow.tell<&Holder::hold>(handle(events));
    before.release.happen();
    CHECK(begun_behind(events, other) == 0);
  }
  SUBCASE("by a call") {
    auto slow = corps::create<Holder>(corps::here()).get();
    auto held = slow.call<&Holder::hold>(handle(events));
    CHECK(begun_behind(events, other) == 0);
    CHECK(held.get() == 1);
  }
  SUBCASE("by what it has sent") {
    corps::create<SendsAtEnd>(corps::here()).get().tell<&SendsAtEnd::send>(handle(events));
    CHECK(begun_behind(events, other) == 0);
  }
  SUBCASE("by what came for the one before it") {
    auto const next = corps::create<Holder>(corps::here()).get();
    auto envelope = std::make_unique<HoldingEnvelope>(events);
    envelope->target = other.address().conc;
    REQUIRE(corps::detail::find(next.address().conc)->push(envelope.get()));
    (void)envelope.release();
    CHECK(begun_behind(events, other) == 0);
  }
  SUBCASE("by its end") {
    corps::exit(corps::create<HoldsAtEnd>(corps::here(), handle(events)).get());
    CHECK(begun_behind(events, other) == 0);
  }
}

TEST_CASE("what goes on inside a get() does not change the limits of who waits") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto caller = corps::create<Caller>(corps::here()).get();
  Holder::Events events;
  CHECK(caller.call<&Caller::get_beside>(holder, handle(events)).get());
}

class Endless : public corps::Conc {
 public:
  corps::Task<> on_main() override {
    left = left_ns();
    auto self = corps::name_of(*this);
    (void)co_await self.call<&Endless::get_left>();
    left_later = left_ns();
  }
  std::int64_t get_left() { return left; }
  std::int64_t left = 0;
  std::int64_t left_later = 0;
};

TEST_CASE("on_main outlives the deadline of the call that made the object") {
  Running corps;
  auto endless = corps::create<Endless>(corps::here()).get();
  CHECK(endless.call<&Endless::get_left>().get() == -1);
  auto const until = steady_clock::now() + patience;
  while (endless.get<&Endless::left_later>().get() == 0 && steady_clock::now() < until) {
  }
  CHECK(endless.get<&Endless::left_later>().get() == -1);
}

TEST_CASE("the clock holds one entry a Worker, and none when the Worker is gone") {
  corps::mail::DeadlineClock clock;
  auto& slab = corps::mail::slab();
  auto& cell = slab.allocate(corps::ConcId::none);
  auto& other = slab.allocate(corps::ConcId::none);
  auto const later = corps::detail::now_ns() + 3'600'000'000'000;
  for (int i = 0; i < 1000; ++i) clock.arm(cell, later - i);
  CHECK(clock.size() == 1);
  clock.arm(other, later);
  CHECK(clock.size() == 2);
  clock.forget(cell);
  clock.forget(cell);
  CHECK(clock.size() == 1);
  clock.forget(other);
  CHECK(clock.size() == 0);
  slab.release(cell);
  slab.release(other);
}

}  // namespace deadline_test
