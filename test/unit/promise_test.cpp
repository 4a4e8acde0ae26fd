// Methods that answer later: Promise, Later, forward.

#include <stdexcept>
#include <thread>

#include "test/unit/runtime_kit.hpp"

namespace promise_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Future;
using corps::Later;
using corps::Name;
using corps::Promise;
using corps::Ran;
using corps::Task;

class Slow : public corps::Conc {
 public:
  /// Answered by the test.
  Later<int> later(std::uint64_t promise) {
    Promise<int> made;
    auto answer = made.later();
    object_of<Promise<int>>(promise) = std::move(made);
    ++begun;
    return answer;
  }
  Later<std::string> on_thread(std::string text) {
    Promise<std::string> promise;
    auto answer = promise.later();
    threads.emplace_back([p = std::move(promise), text]() mutable { p.set_value(text + "!"); });
    return answer;
  }
  Later<void> nothing() {
    Promise<void> promise;
    auto answer = promise.later();
    promise.set_value();
    return answer;
  }
  Later<int> at_once(int value) { return value; }
  Later<int> fails() {
    Promise<int> promise;
    promise.set_error(std::make_exception_ptr(std::out_of_range{"too far"}));
    return promise.later();
  }
  Later<int> throws() { throw std::runtime_error{"no"}; }
  Later<int> breaks() { return Promise<int>{}.later(); }
  Later<int> keeps() {
    Promise<int> promise;
    auto answer = promise.later();
    kept = std::move(promise);
    return answer;
  }
  Later<int> relays(Name<Slow> to, int value) { return to.call<&Slow::at_once>(value); }
  Task<int> awaits() {
    Promise<int> promise;
    auto future = promise.future();
    threads.emplace_back([p = std::move(promise)]() mutable { p.set_value(42); });
    int const value = co_await future;
    co_return value;
  }
  ~Slow() override {
    for (auto& thread : threads) thread.join();
  }
  std::vector<std::thread> threads;
  Promise<int> kept;
  int begun = 0;
};

TEST_CASE("a method answers from another thread, and its Worker is free meanwhile") {
  Running corps;
  auto slow = corps::create<Slow>(corps::here()).get();
  CHECK(slow.call<&Slow::on_thread>("hello").get() == "hello!");
  Promise<int> promise;
  auto future = slow.call<&Slow::later>(handle(promise));
  CHECK(slow.get<&Slow::begun>().get() == 1);
  CHECK_FALSE(future.ready());
  CHECK_FALSE(promise.cancelled());
  CHECK(promise.set_value(7));
  CHECK_FALSE(promise.set_value(8));
  CHECK_FALSE(promise.set_error(std::make_exception_ptr(1)));
  CHECK(future.get() == 7);
  slow.call<&Slow::nothing>().get();
  CHECK(slow.call<&Slow::at_once>(3).get() == 3);
  CHECK(slow.call<&Slow::relays>(slow, 4).get() == 4);
  CHECK(slow.call<&Slow::awaits>().get() == 42);
}

TEST_CASE("an answer that is an error, or none") {
  Running corps;
  auto slow = corps::create<Slow>(corps::here()).get();
  auto error = error_of(slow.call<&Slow::fails>());
  CHECK(error.type == "std::out_of_range");
  CHECK(error.text == "too far");
  CHECK(error_of(slow.call<&Slow::throws>()).type == "std::runtime_error");
  error = error_of(slow.call<&Slow::breaks>());
  CHECK(error.code == Errc::remote);
  CHECK(error.type == "corps::BrokenPromise");
  CHECK(error.text.find("Slow::breaks") != std::string::npos);
  auto kept = slow.call<&Slow::keeps>();
  CHECK(slow.call<&Slow::at_once>(1).get() == 1);
  corps::exit(slow);
  CHECK(error_of(std::move(kept)).code == Errc::worker_lost);
}

TEST_CASE("a call that is answered later can be cancelled, and times out") {
  Running corps;
  auto slow = corps::create<Slow>(corps::here()).get();
  Promise<int> promise;
  auto future = slow.call<&Slow::later>(handle(promise));
  CHECK(slow.get<&Slow::begun>().get() == 1);
  future.cancel();
  CHECK(promise.cancelled());
  CHECK(error_of(std::move(future)).code == Errc::cancelled);
  CHECK(promise.set_value(1));
  Promise<int> other;
  CHECK(error_of(slow.within(5ms).call<&Slow::later>(handle(other))).code == Errc::timeout);
  CHECK(slow.get<&Slow::begun>().get() >= 1);  // it has run, or will not
  CHECK(other.set_value(1));
}

TEST_CASE("many threads answer, the first counts") {
  Running corps;
  auto slow = corps::create<Slow>(corps::here()).get();
  for (int i = 0; i < 50; ++i) {
    Promise<int> promise;
    auto future = slow.call<&Slow::later>(handle(promise));
    CHECK(slow.get<&Slow::begun>().get() == i + 1);
    std::atomic<int> first{0};
    std::thread one{[&] { first += promise.set_value(1) ? 1 : 0; }};
    std::thread two{[&] { first += promise.set_value(2) ? 2 : 0; }};
    CHECK(future.get() > 0);
    one.join();
    two.join();
    CHECK((first == 1 || first == 2));
  }
}

TEST_CASE("a Promise has one end") {
  Running corps;
  Promise<int> promise;
  auto future = promise.future();
  CHECK_THROWS_AS((void)promise.future(), std::logic_error);
  CHECK_THROWS_AS((void)promise.later(), std::logic_error);
  promise.set_value(5);
  CHECK(future.get() == 5);
  Promise<int> broken;
  auto lost = broken.future();
  { auto const dropped = std::move(broken); }
  CHECK(error_of(std::move(lost)).type == "corps::BrokenPromise");
  CHECK_THROWS_AS((void)broken.set_value(1), std::logic_error);  // NOLINT: that is what is tested
}

// --- forward -----------------------------------------------------------------------------------------------------

class Target : public corps::Conc {
 public:
  int half(int value) {
    if (value % 2 != 0) throw std::invalid_argument{"odd"};
    return value / 2;
  }
  std::int64_t left_ms() { return (corps::detail::current_cell->context.deadline_ns - corps::detail::now_ns()) / 1'000'000; }
  Task<bool> until_cancelled(Name<Holder> holder, std::uint64_t events) {
    auto& both = object_of<Holder::Events>(events);
    both.entered.happen();
    both.release.wait();
    auto answer = holder.call<&Holder::quick>();
    try {
      (void)co_await answer;
    } catch (corps::Cancelled const&) {
      seen = corps::cancelled();
    }
    co_return true;
  }
  int count() { return ++counted; }
  bool seen = false;
  int counted = 0;
};

class Router : public corps::Conc {
 public:
  Later<int> half(Name<Target> to, int value) { return corps::forward<&Target::half>(to, value); }
  Later<std::int64_t> left_ms(Name<Target> to) { return corps::forward<&Target::left_ms>(to); }
  Later<int> hold(Name<Holder> to, std::uint64_t events) { return corps::forward<&Holder::hold>(to, events); }
  Later<bool> until_cancelled(Name<Target> to, Name<Holder> holder, std::uint64_t events) {
    return corps::forward<&Target::until_cancelled>(to, holder, events);
  }
  Later<bool> over_another(Name<Router> next, Name<Target> to, Name<Holder> holder, std::uint64_t events) {
    return corps::forward<&Router::until_cancelled>(next, to, holder, events);
  }
  Later<int> count_after(Name<Target> to, std::uint64_t events) {
    auto& both = object_of<Holder::Events>(events);
    both.entered.happen();
    both.release.wait();
    return corps::forward<&Target::count>(to);
  }
  Later<int> count(Name<Target> to) { return corps::forward<&Target::count>(to); }
  int own() { return 1; }
};

TEST_CASE("a request is handed on, and the answer goes to the first caller") {
  Running corps;
  auto target = corps::create<Target>(corps::here()).get();
  auto router = corps::create<Router>(corps::here()).get();
  CHECK(router.call<&Router::half>(target, 8).get() == 4);
  auto error = error_of(router.call<&Router::half>(target, 7));
  CHECK(error.type == "std::invalid_argument");
  REQUIRE(error.chain.size() == 1);
  CHECK(error.chain[0].find("Target::half") != std::string::npos);
  auto const left = router.within(5s).call<&Router::left_ms>(target).get();
  CHECK(left > 3000);
  CHECK(left <= 5000);
  router.tell<&Router::half>(target, 2);
  corps::exit(target);
  error = error_of(router.call<&Router::half>(Name<Target>{}, 8));
  CHECK(error.code == Errc::worker_lost);
  CHECK(error.ran == Ran::maybe);
}

TEST_CASE("the Worker that hands on is free at once, and may end") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto router = corps::create<Router>(corps::here()).get();
  Holder::Events events;
  auto future = router.call<&Router::hold>(holder, handle(events));
  REQUIRE(events.entered.wait());
  CHECK(router.call<&Router::own>().get() == 1);
  corps::exit(router);
  events.release.happen();
  CHECK(future.get() == 1);
}

TEST_CASE("a cancel ends what is waited for behind a forward, or behind two") {
  Running corps;
  Held held;
  auto target = corps::create<Target>(corps::here()).get();
  auto router = corps::create<Router>(corps::here()).get();
  auto first = corps::create<Router>(corps::here()).get();
  Holder::Events events;
  bool two = false;
  SUBCASE("one") {}
  SUBCASE("two") { two = true; }
  auto future = two ? first.call<&Router::over_another>(router, target, held.name, handle(events))
                    : router.call<&Router::until_cancelled>(target, held.name, handle(events));
  REQUIRE(events.entered.wait());
  future.cancel();
  events.release.happen();
  CHECK(target.get<&Target::seen>().get(patience));  // which waits until the method has ended
  CHECK(error_of(std::move(future)).code == Errc::cancelled);
}

TEST_CASE("what was handed on and not begun is not run when it is cancelled") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto target = corps::create<Target>(corps::here()).get();
  auto router = corps::create<Router>(corps::here()).get();
  Holder::Events events;
  auto busy = target.call<&Target::until_cancelled>(holder, handle(events));
  REQUIRE(events.entered.wait());
  auto kept = router.call<&Router::count>(target);
  auto given_up = router.call<&Router::count>(target);
  CHECK(router.call<&Router::own>().get(patience) == 1);  // both are handed on
  given_up.cancel();
  CHECK(error_of(std::move(given_up)).ran == Ran::maybe);
  events.release.happen();
  CHECK(busy.get(patience));
  CHECK(kept.get(patience) == 1);
  CHECK(target.get<&Target::counted>().get(patience) == 1);
}

TEST_CASE("what is cancelled before it is handed on is not handed on") {
  Running corps;
  auto target = corps::create<Target>(corps::here()).get();
  auto router = corps::create<Router>(corps::here()).get();
  Holder::Events events;
  auto future = router.call<&Router::count_after>(target, handle(events));
  REQUIRE(events.entered.wait());
  future.cancel();
  events.release.happen();
  CHECK(router.call<&Router::own>().get(patience) == 1);
  CHECK(target.get<&Target::counted>().get(patience) == 0);
}

}  // namespace promise_test
