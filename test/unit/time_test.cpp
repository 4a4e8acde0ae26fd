// Time: sleeping, timers of methods and of functions, and what stays behind of them: nothing.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "test/kit/twin.hpp"
#include "test/unit/runtime_kit.hpp"

namespace time_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using std::chrono::steady_clock;

class Sleeper : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<std::int64_t> nap(std::int64_t ms) {
    auto const begin = corps::now();
    co_await corps::sleep_for(std::chrono::milliseconds(ms));
    co_return std::chrono::duration_cast<std::chrono::microseconds>(corps::now() - begin).count();
  }
  corps::Task<int> order() {
    auto late = corps::sleep_for(1s);
    auto early = corps::sleep_for(2ms);
    co_await early;
    co_return late.ready() ? 0 : 1;
  }
  corps::Task<> nap_too_long() { co_await corps::sleep_for(1h); }
  corps::Task<int> many(int count) {
    std::vector<corps::Future<void>> naps;
    for (int i = 0; i < count; ++i) naps.push_back(corps::sleep_for(std::chrono::microseconds(i % 3000)));
    int ended = 0;
    for (auto& nap : naps) {
      co_await nap;
      ++ended;
    }
    co_return ended;
  }
  void drop_many(int count) {
    for (int i = 0; i < count; ++i) auto const dropped = corps::sleep_for(1h);
  }
};

class NapQueue : public corps::Conc {
 public:
  corps::Task<> nap_too_long() { co_await corps::sleep_for(1h); }
  bool after_naps() { return true; }
};

TEST_CASE("a Worker and a plain thread sleep as long as they said, and serve others meanwhile") {
  Running corps;
  auto sleeper = corps::create<Sleeper>(corps::here()).get();
  auto nap = sleeper.call<&Sleeper::nap>(200);
  auto short_nap = sleeper.call<&Sleeper::nap>(1);
  CHECK(short_nap.get(patience) >= 1'000);
  CHECK_FALSE(nap.ready());
  CHECK(nap.get(patience) >= 200'000);
  CHECK(sleeper.call<&Sleeper::order>().get(patience) == 1);

  auto const begin = corps::now();
  corps::sleep_for(3ms).get();
  CHECK(corps::now() - begin >= 3ms);
  corps::sleep_until(begin + 5ms).get();
  CHECK(corps::now() - begin >= 5ms);
  corps::sleep_for(-1s).get(patience);
  corps::sleep_until(steady_clock::time_point{}).get(patience);
}

TEST_CASE("a request does not sleep past its deadline") {
  Running corps;
  auto sleeper = corps::create<Sleeper>(corps::here()).get();
  CHECK(error_of(sleeper.within(5ms).call<&Sleeper::nap_too_long>()).code == Errc::timeout);
  CHECK(sleeper.call<&Sleeper::many>(2000).get(patience) == 2000);
}

TEST_CASE("a call whose method let its own deadline escape has timed out, also for a caller who looks later") {
  Running corps;
  auto sleeper = corps::create<NapQueue>(corps::here()).get();
  auto too_long = sleeper.within(5ms).call<&NapQueue::nap_too_long>();
  std::thread{[sleeper] { CHECK(sleeper.call<&NapQueue::after_naps>().get(patience)); }}.join();
  CHECK(error_of(std::move(too_long)).code == Errc::timeout);
}

TEST_CASE("a sleep is no open call: as many as there may be leave room for it, and it leaves room for them") {
  Running corps({"limits.open_calls_per_worker=2"});
  Held held;  // the first
  auto second = held.name.call<&Holder::quick>();
  std::vector<corps::Future<void>> sleeps;
  for (int i = 0; i < 10; ++i) sleeps.push_back(corps::sleep_for(1ms));
  CHECK(error_of(held.name.call<&Holder::quick>()).code == Errc::overloaded);
  for (auto& sleep : sleeps) CHECK_NOTHROW(sleep.get(patience));
  sleeps.clear();
  for (int i = 0; i < 10; ++i) sleeps.push_back(corps::sleep_for(1h));
  held.release();
  CHECK(second.get(patience) == 1);
  auto third = held.name.call<&Holder::quick>();
  auto fourth = held.name.call<&Holder::quick>();
  CHECK(third.get(patience) + fourth.get(patience) == 5);
  CHECK(corps::detail::current_cell->sleeps == 10);
  CHECK(corps::detail::current_cell->open_calls == 0);
}

TEST_CASE("a sleep that is dropped leaves nothing behind, and one that outlives its Env ends") {
  corps::mail::DeadlineClock clock;
  for (int i = 0; i < 1000; ++i) auto const dropped = corps::sleep_for(1h);
  CHECK(clock.alarms() == 0);
  auto kept = corps::sleep_for(1h);
  CHECK(clock.alarms() == 1);
  CHECK(corps::detail::current_cell->sleeps == 1);
  CHECK(corps::detail::current_cell->open_calls == 0);
}

TEST_CASE("who sleeps when the Env stops is woken with Refused") {
  std::optional<corps::Future<void>> sleep;
  {
    Running corps;
    sleep = corps::sleep_for(1h);
  }
  CHECK(error_of(std::move(*sleep)).code == Errc::refused);
  CHECK(error_of(corps::sleep_for(1ms)).code == Errc::refused);
}

// [timers]
/// Flushes what it has collected every 5 ms, and a last time when it ends.
class Collector : public corps::Conc {
 public:
  explicit Collector(std::uint64_t flushed) : flushed_(&object_of<Event>(flushed)) {}
  corps::Task<> on_start() override {
    co_await corps::sleep_for(1ms);
    flushing_ = corps::every(5ms, [this] { flush(); });
  }
  void add(int line) { lines_.push_back(line); }
  void on_exit() noexcept override { flush(); }

 private:
  void flush() {
    if (!lines_.empty()) flushed_->happen();
    lines_.clear();
  }
  Event* flushed_;
  std::vector<int> lines_;
  corps::Timer flushing_;  // lives as long as the object
};
// [/timers]

TEST_CASE("a Conc with a rhythm of its own") {
  Event flushed;
  Running corps;
  auto collector = corps::create<Collector>(corps::here(), handle(flushed)).get();
  collector.call<&Collector::add>(1).get();
  CHECK(flushed.wait());
  collector.call<&Collector::add>(2).get();
  corps::exit(collector);
  CHECK(flushed.wait(2));
}

class Bell : public corps::Conc {
 public:
  void ring(std::uint64_t event) {
    ++rings;
    object_of<Event>(event).happen();
  }
  corps::Task<> ring_slowly(std::uint64_t event) {
    ++rings;
    co_await corps::sleep_for(20ms);
    object_of<Event>(event).happen();
  }
  void fail() { throw std::runtime_error("no bell"); }
  int rings = 0;
};

TEST_CASE("a method is called after a time, once; and again and again until the Timer is dropped") {
  Event once;
  Event often;
  Event never;
  Running corps;
  auto bell = corps::create<Bell>(corps::here()).get();
  auto const begin = corps::now();
  auto after = corps::after<&Bell::ring>(5ms, bell, handle(once));
  REQUIRE(once.wait());
  CHECK(corps::now() - begin >= 5ms);
  CHECK(after.valid());

  {
    auto every = corps::every<&Bell::ring>(1ms, bell, handle(often));
    REQUIRE(often.wait(20));
  }
  auto const rings = bell.get<&Bell::rings>().get();
  corps::sleep_for(10ms).get();
  CHECK(bell.get<&Bell::rings>().get() == rings);

  (void)corps::after<&Bell::ring>(1ms, bell, handle(never));
  auto cancelled = corps::every<&Bell::ring>(1h, bell, handle(never));
  cancelled.cancel();
  CHECK_FALSE(cancelled.valid());
  corps::sleep_for(5ms).get();
  CHECK(never.times() == 0);
}

TEST_CASE("a slow Worker is asked less often: what is skipped is counted, nothing piles up, the rhythm stays") {
  Event rung;
  Running corps;
  auto bell = corps::create<Bell>(corps::here()).get();
  auto every = corps::every<&Bell::ring_slowly>(1ms, bell, handle(rung));
  REQUIRE(rung.wait(4));
  CHECK(every.skipped() >= 40);
  every.cancel();
  CHECK(every.skipped() == 0);
  CHECK(bell.get<&Bell::rings>().get() <= 6);
}

TEST_CASE("timers end with what they are for, and with whose they are") {
  Event rung;
  Running corps;
  auto bell = corps::create<Bell>(corps::here()).get();
  auto failing = corps::every<&Bell::fail>(1ms, bell);
  corps::sleep_for(5ms).get();
  CHECK(bell.get<&Bell::rings>().get() == 0);  // it lives
  corps::exit(bell);
  auto gone = corps::every<&Bell::ring>(1ms, bell, handle(rung));
  CHECK_THROWS_AS((void)corps::every<&Bell::fail>(999us, bell), std::invalid_argument);
}

class Keeper : public corps::Conc {
 public:
  explicit Keeper(std::uint64_t event) : event_(&object_of<Event>(event)) {}
  void keep(int how_many) {
    for (int i = 0; i < how_many; ++i) timers_.push_back(corps::after(1h, [] {}));
    for (int i = 0; i < how_many; ++i) corps::every(1h, [] {}).detach();
  }
  void tick() {
    corps::every(1ms, [this] { event_->happen(); }).detach();
    corps::after(1ms, [this, kept = std::make_unique<int>(1)] { event_->happen(); }).detach();
  }
  void tick_and_stop() {
    timers_.push_back(corps::every(1ms, [this] {
      event_->happen();
      timers_.clear();
    }));
  }
  void fail() {
    corps::after(0ms, [this] {
      event_->happen();
      throw std::runtime_error("in a timer");
    }).detach();
  }
  void slow() {
    timers_.push_back(corps::every(1ms, [this] { return slow_tick(); }));
  }
  std::uint64_t skipped() const { return timers_.back().skipped(); }

 private:
  corps::Task<> slow_tick() {
    co_await corps::sleep_for(15ms);
    event_->happen();
  }
  Event* event_;
  std::vector<corps::Timer> timers_;
};

TEST_CASE("functions run in the Worker's own turns, and never once it has ended") {
  Event ticks;
  Event once;
  Running corps;
  auto keeper = corps::create<Keeper>(corps::here(), handle(ticks)).get();
  keeper.call<&Keeper::tick>().get();
  REQUIRE(ticks.wait(10));
  corps::exit(keeper);
  CHECK(error_of(keeper.call<&Keeper::tick>()).code == Errc::worker_lost);
  auto const seen = ticks.times();
  corps::sleep_for(5ms).get();
  CHECK(ticks.times() == seen);

  auto stops = corps::create<Keeper>(corps::here(), handle(once)).get();
  stops.call<&Keeper::tick_and_stop>().get();
  REQUIRE(once.wait());
  corps::sleep_for(5ms).get();
  CHECK(once.times() == 1);
  stops.call<&Keeper::fail>().get();
  CHECK(once.wait(2));
  stops.call<&Keeper::slow>().get();
  CHECK(once.wait(4));
  CHECK(stops.call<&Keeper::skipped>().get() >= 15);
}

TEST_CASE("a Worker's timers are removed with it") {
  Event none;
  Running corps;
  auto& clock = *corps::mail::active_clock();
  auto keeper = corps::create<Keeper>(corps::here(), handle(none)).get();
  keeper.call<&Keeper::keep>(500).get();
  CHECK(clock.alarms() == 1000);
  corps::exit(keeper);
  CHECK(error_of(keeper.call<&Keeper::tick>()).code == Errc::worker_lost);
  CHECK(clock.alarms() == 0);
  std::thread([] { corps::every(1h, [] {}).detach(); }).join();
  CHECK(clock.alarms() == 0);
}

TEST_CASE("the timers of an Env are limited") {
  Running corps({"limits.timers=2"});
  auto one = corps::after(1h, [] {});
  auto two = corps::sleep_for(1h);
  CHECK_THROWS_AS((void)corps::after(1h, [] {}), corps::Overloaded);
  CHECK(error_of(corps::sleep_for(1ms)).text.find("limits.timers") != std::string::npos);
  one.cancel();
  corps::sleep_for(1ms).get(patience);
}

/// Threads of their own for the race between ringing, stopping and the end of the owner.
TEST_CASE("timers are set, rung and dropped by many threads at once") {
  Event rung;
  Running corps;
  auto bell = corps::create<Bell>(corps::here()).get();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        auto timer = corps::every<&Bell::ring>(1ms, bell, handle(rung));
        auto nap = corps::sleep_for(std::chrono::microseconds(100 * (i % 12)));
        if (i % 3 == 0) nap.get();
        if (i % 50 == 1) timer.detach();
        if (i % 10 == 0) {
          corps::every(1ms, [&] { rung.happen(); }).detach();
          (void)corps::create<Keeper>(corps::here(), handle(rung));
        }
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(rung.wait(10));
  CHECK(corps.stop() == 0);
}

TEST_CASE("a hundred thousand timers are nothing special") {
  corps::mail::DeadlineClock clock;
  std::vector<corps::Timer> timers;
  auto const begin = steady_clock::now();
  for (int i = 0; i < 100'000; ++i) timers.push_back(corps::after(std::chrono::seconds(1000 + i % 977), [] {}));
  CHECK(clock.alarms() == 100'000);
  timers.clear();
  CHECK(clock.alarms() == 0);
  CHECK(steady_clock::now() - begin < patience);
}

TEST_CASE("under the twin a minute passes at once, and the same in every run of a seed") {
  CHECK(corps::test::for_seeds(20, [](corps::test::Twin& twin) {
    bool right = true;
    Event rung;
    twin.run([&] {
      auto sleeper = corps::create<Sleeper>(corps::here()).get();
      auto bell = corps::create<Bell>(corps::here()).get();
      auto every = corps::every<&Bell::ring>(1s, bell, handle(rung));
      auto long_nap = sleeper.within(1h).call<&Sleeper::nap>(60'000);
      auto nap = sleeper.call<&Sleeper::nap>(10'000);
      right = nap.get() == 10'000'000 && !long_nap.ready() && long_nap.get() == 60'000'000;
      twin.settle();
      right = right && rung.times() == 60 && every.skipped() == 0;
      right = right && error_of(sleeper.within(5s).call<&Sleeper::nap_too_long>()).code == Errc::timeout;
    });
    return right;
  }));
}

}  // namespace time_test
