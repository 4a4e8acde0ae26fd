// Futures of plain threads and of Concs: waiting, giving up, dropping, and who may ask.

#include <stdexcept>
#include <thread>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/lost_errors.hpp"
#include "test/unit/runtime_kit.hpp"

namespace future_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

TEST_CASE("a Future without a call says so") {
  corps::Future<int> future;
  CHECK_FALSE(future.valid());
  CHECK_THROWS_AS((void)future.get(), std::logic_error);
  CHECK_THROWS_AS((void)future.ready(), std::logic_error);
  CHECK_THROWS_AS((void)future.get(1ms), std::logic_error);
}

TEST_CASE("the value is taken once") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto future = holder.call<&Holder::quick>();
  CHECK(future.get() == 1);
  CHECK_FALSE(future.valid());
  CHECK_THROWS_AS((void)future.get(), std::logic_error);
}

TEST_CASE("get with a limit gives up, and the Future stays valid") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto future = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  CHECK_FALSE(future.ready());
  CHECK_THROWS_AS((void)future.get(1ms), corps::Timeout);
  CHECK_THROWS_AS((void)future.get(0ms), corps::Timeout);
  CHECK_THROWS_AS((void)future.get(-5ms), corps::Timeout);
  CHECK(future.valid());
  events.release.happen();
  CHECK(future.get() == 1);
}

TEST_CASE("ready becomes true without a get") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto future = holder.call<&Holder::quick>();
  auto const until = std::chrono::steady_clock::now() + patience;
  while (!future.ready() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(future.ready());
  CHECK(future.get() == 1);
}

TEST_CASE("ready becomes true at the deadline, too") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto late = holder.within(2ms).call<&Holder::quick>();
  auto const until = std::chrono::steady_clock::now() + patience;
  while (!late.ready() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(late.ready());
  CHECK(error_of(std::move(late)).code == corps::Errc::timeout);
  events.release.happen();
  CHECK(held.get() == 1);
}

TEST_CASE("Futures may be dropped before and after the answer came, and moved about") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto first = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  { auto dropped_early = holder.call<&Holder::quick>(); }
  auto dropped_late = holder.call<&Holder::quick>();
  auto moved = std::move(first);
  CHECK_FALSE(first.valid());  // NOLINT: that is what is tested
  events.release.happen();
  CHECK(moved.get() == 1);
  moved = holder.call<&Holder::hold>(handle(events));
  CHECK(moved.get() == 1);
  CHECK(dropped_late.ready());
  dropped_late = {};
  CHECK(holder.call<&Holder::quick>().get() == 3);
}

class Failing : public corps::Conc {
 public:
  int fail() { throw std::runtime_error{"no such shelf"}; }
};

TEST_CASE("an error that nobody looked at is noted once, one that somebody saw is not") {
  Running corps;
  auto const failing = corps::create<Failing>(corps::here()).get();
  auto const holder = corps::create<Holder>(corps::here()).get();
  auto const before = corps::mail::lost_errors();
  CHECK(error_of(failing.call<&Failing::fail>()).code == corps::Errc::remote);
  CHECK(corps::mail::lost_errors() == before);

  (void)failing.call<&Failing::fail>();  // dropped before its answer
  {
    auto const ended = failing.call<&Failing::fail>();  // dropped after it
    auto const until = std::chrono::steady_clock::now() + patience;
    while (!ended.ready() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    CHECK(ended.ready());
  }
  CHECK(error_of(failing.call<&Failing::fail>()).code == corps::Errc::remote);
  CHECK(holder.call<&Holder::quick>().get() == 1);
  CHECK(corps::mail::lost_errors() == before + 2);
}

TEST_CASE("a Future is for the thread that made the call") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto future = holder.call<&Holder::quick>();
  bool refused = false;
  std::thread{[&] {
    try {
      (void)future.get(1ms);
    } catch (std::logic_error const&) {
      refused = true;
    }
  }}.join();
  CHECK(refused);
  refused = false;
  std::thread{[&] {
    (void)holder.call<&Holder::quick>().get();  // a thread with a port of its own
    try {
      (void)future.ready();
    } catch (std::logic_error const&) {
      refused = true;
    }
  }}.join();
  CHECK(refused);
  CHECK(future.get() == 1);
}

TEST_CASE("a thread that takes the place of an ended one does not get its answers") {
  Running corps({"limits.open_calls_per_worker=2"});
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  corps::detail::Cell* place = nullptr;
  std::thread{[&] {
    (void)holder.call<&Holder::hold>(handle(events));
    place = &corps::detail::self();
  }}.join();
  REQUIRE(events.entered.wait());
  int answer = 0;
  bool same_place = false;
  std::uint32_t open = 99;
  std::thread{[&] {
    auto future = holder.call<&Holder::quick>();
    same_place = place == &corps::detail::self();
    events.release.happen();  // the answer to the ended thread comes home first
    answer = future.get();
    open = corps::detail::self().open_calls;
  }}.join();
  CHECK(same_place);
  CHECK(answer == 1);
  CHECK(open == 0);
}

TEST_CASE("a thread may end with calls open, and with a Task that waits") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  std::thread{[&] {
    (void)holder.call<&Holder::quick>();
    (void)corps::spawn([](corps::Name<Holder> other) -> corps::Task<> { (void)co_await other.call<&Holder::quick>(); }(holder));
  }}.join();
  events.release.happen();
  CHECK(held.get() == 1);
  CHECK(holder.call<&Holder::quick>().get() == 3);
}

class Wrong : public corps::Conc {
 public:
  /// Tries to use a Future of another thread.
  bool use(std::uint64_t future) {
    try {
      (void)object_of<corps::Future<int>>(future).get(1ms);
    } catch (std::logic_error const&) {
      return true;
    }
    return false;
  }
  corps::Task<bool> await(std::uint64_t future) {
    try {
      auto& others = object_of<corps::Future<int>>(future);
      (void)co_await others;
    } catch (std::logic_error const&) {
      co_return true;
    }
    co_return false;
  }
};

TEST_CASE("a Conc cannot wait for the Future of another") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto wrong = corps::create<Wrong>(corps::here()).get();
  auto future = holder.call<&Holder::quick>();
  CHECK(wrong.call<&Wrong::use>(handle(future)).get());
  CHECK(wrong.call<&Wrong::await>(handle(future)).get());
  CHECK(future.get() == 1);
}

}  // namespace future_test
