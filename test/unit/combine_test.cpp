// Futures in company: then, cancel, when_all, when_any, next_of, with_timeout, fan_out.

#include <stdexcept>

#include "test/unit/runtime_kit.hpp"

namespace combine_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Future;
using corps::Name;
using corps::Ran;
using corps::Task;

class Adder : public corps::Conc {
 public:
  int add(int a, int b) { return a + b; }
  int fail(std::string why) { throw std::runtime_error{why}; }
  void nothing() {}
};

/// Answers when the test says so.
class Gate : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  struct Events {
    Event entered;
    Event unwound;
  };
  /// Waits for a Worker that is held up, and tells when it unwinds.
  Task<int> wait(Name<Holder> holder, std::uint64_t events) {
    auto& both = object_of<Events>(events);
    struct Unwinds {
      Events& events;
      ~Unwinds() { events.unwound.happen(); }
    } const unwinds{both};
    both.entered.happen();
    auto answer = holder.call<&Holder::quick>();
    int const value = co_await answer;
    co_return value;
  }
  Task<bool> sees_cancel(Name<Holder> holder, std::uint64_t events) {
    auto& both = object_of<Events>(events);
    bool const before = corps::cancelled();
    auto const token = corps::my_cancel();
    both.entered.happen();
    bool threw = false;
    try {
      auto answer = holder.call<&Holder::quick>();
      (void)co_await answer;
    } catch (corps::Cancelled const&) {
      threw = true;
    }
    saw_cancel = threw && !before && corps::cancelled() && token.cancelled();
    auto again = corps::name_of(*this).call<&Gate::after_cancel>();
    calls_on = co_await again;  // what it does to clean up goes on
    both.unwound.happen();
    co_return saw_cancel;
  }
  bool after_cancel() { return !corps::cancelled(); }
  bool saw_cancel = false;
  bool calls_on = false;
};

/// Computes until it is cancelled.
class Loop : public corps::Conc {
 public:
  int compute(std::uint64_t events) {
    object_of<Gate::Events>(events).entered.happen();
    auto const until = std::chrono::steady_clock::now() + patience;
    while (!corps::cancelled() && std::chrono::steady_clock::now() < until) {
    }
    if (corps::cancelled()) object_of<Gate::Events>(events).unwound.happen();
    return 1;
  }
};

template <class F>
corps::ErrorInfo thrown_by(F&& function) {
  try {
    function();
  } catch (corps::Error const& error) {
    return error.info();
  }
  FAIL("nothing was thrown");
  return {};
}

std::vector<Future<int>> sums(Name<Adder> adder, int count) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) futures.push_back(adder.call<&Adder::add>(i, 1));
  return futures;
}

// --- then --------------------------------------------------------------------------------------------------------

TEST_CASE("then runs on the value, and its result is a Future") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  auto text = adder.call<&Adder::add>(1, 2).then([](int sum) { return std::to_string(sum); });
  CHECK(text.get() == "3");
  bool ran = false;
  adder.call<&Adder::nothing>().then([&] { ran = true; }).get();
  CHECK(ran);
  auto chained = adder.call<&Adder::add>(1, 2).then([adder](int sum) { return adder.call<&Adder::add>(sum, 10); });
  CHECK(chained.get() == 13);
  auto task = adder.call<&Adder::add>(1, 2).then([adder](int sum) {
    return [](Name<Adder> to, int first) -> Task<int> {
      auto answer = to.call<&Adder::add>(first, 20);
      int const value = co_await answer;
      co_return value;
    }(adder, sum);
  });
  CHECK(task.get() == 23);
}

TEST_CASE("an error goes past then, and a function that takes the Future sees it") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  bool ran = false;
  auto error = error_of(adder.call<&Adder::fail>("why").then([&](int) { ran = true; }));
  CHECK(error.type == "std::runtime_error");
  CHECK(error.text == "why");
  CHECK_FALSE(ran);
  auto seen = adder.call<&Adder::fail>("why").then([](Future<int> ended) {
    try {
      return ended.get();
    } catch (corps::RemoteError const&) {
      return -1;
    }
  });
  CHECK(seen.get() == -1);
  error = error_of(adder.call<&Adder::add>(1, 2).then([](int) { throw std::logic_error{"mine"}; }));
  CHECK(error.type == "std::logic_error");
}

// --- cancel ------------------------------------------------------------------------------------------------------

TEST_CASE("what was not begun is not run when it is cancelled") {
  Running corps;
  Held held;
  auto future = held.name.call<&Holder::quick>();
  future.cancel();
  CHECK(future.ready());
  auto const error = error_of(std::move(future));
  CHECK(error.code == Errc::cancelled);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("Holder::quick") != std::string::npos);
  held.release();
  CHECK(held.name.get<&Holder::quick_calls>().get() == 0);
}

TEST_CASE("a method that waits is unwound when its call is cancelled, down the chain") {
  Running corps;
  Held held;
  Gate::Events events;
  auto gate = corps::create<Gate>(corps::here()).get();
  auto future = gate.call<&Gate::wait>(held.name, handle(events));
  REQUIRE(events.entered.wait());
  future.cancel();
  auto const error = error_of(std::move(future));
  CHECK(error.code == Errc::cancelled);
  CHECK(error.ran == Ran::maybe);
  CHECK(events.unwound.wait());
  held.release();
  CHECK(held.name.get<&Holder::quick_calls>().get() == 0);
}

TEST_CASE("a cancelled method sees it once, and can clean up") {
  Running corps;
  Held held;
  Gate::Events events;
  auto gate = corps::create<Gate>(corps::here()).get();
  auto future = gate.call<&Gate::sees_cancel>(held.name, handle(events));
  REQUIRE(events.entered.wait());
  future.cancel();
  CHECK(events.unwound.wait());
  CHECK(gate.get<&Gate::saw_cancel>().get());
  CHECK(gate.get<&Gate::calls_on>().get());
}

TEST_CASE("a loop looks at its token") {
  Running corps;
  Gate::Events events;
  auto loop = corps::create<Loop>(corps::here()).get();
  auto future = loop.call<&Loop::compute>(handle(events));
  REQUIRE(events.entered.wait());
  future.cancel();
  CHECK(events.unwound.wait());
  CHECK(error_of(std::move(future)).code == Errc::cancelled);
  CHECK_FALSE(corps::cancelled());  // of nothing, on a plain thread
}

TEST_CASE("what has ended is not cancelled any more") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  auto future = adder.call<&Adder::add>(1, 2);
  CHECK(adder.call<&Adder::add>(0, 0).get() == 0);
  future.cancel();
  CHECK(future.get() == 3);
}

TEST_CASE("a Task that is cancelled ends what it waits for") {
  Running corps;
  Held held;
  auto task = held.name.call<&Holder::quick>().then([](int) { return 1; });
  task.cancel();
  CHECK(error_of(std::move(task)).code == Errc::cancelled);
  held.release();
  CHECK(held.name.get<&Holder::quick_calls>().get() == 0);
}

// --- when_all ----------------------------------------------------------------------------------------------------

TEST_CASE("when_all brings all values in order") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  auto const values = corps::when_all(sums(adder, 100)).get();
  REQUIRE(values.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(values[static_cast<std::size_t>(i)] == i + 1);
  CHECK(corps::when_all(std::vector<Future<int>>{}).get().empty());
  std::vector<Future<void>> nothings;
  nothings.push_back(adder.call<&Adder::nothing>());
  corps::when_all(std::move(nothings)).get();
  auto const mixed = corps::when_all(adder.call<&Adder::add>(1, 2), adder.call<&Adder::nothing>()).get();
  CHECK(std::get<0>(mixed) == 3);
}

TEST_CASE("when_all waits for all before it brings the first error, or not") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  Held held;
  auto const make = [&] {
    std::vector<Future<int>> futures;
    futures.push_back(held.name.call<&Holder::quick>());
    futures.push_back(adder.call<&Adder::fail>("first"));
    futures.push_back(adder.call<&Adder::fail>("second"));
    return futures;
  };
  auto patient = corps::when_all(make());
  CHECK_THROWS_AS((void)patient.get(1ms), corps::Timeout);
  CHECK(error_of(corps::when_all(make(), corps::OnError::at_once)).text == "first");
  CHECK(error_of(corps::when_all(make(), corps::OnError::cancel_others)).text == "first");
  held.release();
  CHECK(error_of(std::move(patient)).text == "first");
  CHECK(held.name.get<&Holder::quick_calls>().get() == 2);
}

TEST_CASE("when_ended leaves values and errors in the Futures") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  std::vector<Future<int>> futures;
  futures.push_back(adder.call<&Adder::add>(1, 2));
  futures.push_back(adder.call<&Adder::fail>("why"));
  auto ended = corps::when_ended(std::move(futures)).get();
  CHECK(ended[0].get() == 3);
  CHECK(error_of(std::move(ended[1])).text == "why");
}

// --- when_any, next_of, with_timeout -----------------------------------------------------------------------------

TEST_CASE("when_any brings the first; the others stay valid, or are cancelled") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  Held held;
  for (auto const losers : {corps::Losers::keep, corps::Losers::cancel}) {
    std::vector<Future<int>> futures;
    futures.push_back(held.name.call<&Holder::quick>());
    futures.push_back(adder.call<&Adder::add>(1, 2));
    auto any = corps::when_any(std::move(futures), losers).get();
    CHECK(any.index == 1);
    CHECK(any.first().get() == 3);
    CHECK(any.futures[0].valid());
    CHECK(any.futures[0].ready() == (losers == corps::Losers::cancel));
  }
  CHECK(error_of(corps::when_any(std::vector<Future<int>>{})).type == "std::invalid_argument");
}

TEST_CASE("next_of brings each once, in the order in which they end") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  Held held;
  std::vector<Future<int>> futures;
  futures.push_back(held.name.call<&Holder::quick>());
  for (int i = 0; i < 50; ++i) futures.push_back(adder.call<&Adder::add>(i, 0));
  auto answers = corps::next_of(std::move(futures));
  std::vector<std::size_t> order;
  while (answers.left() > 1) {
    auto ended = answers.next().get();
    REQUIRE(ended);
    CHECK(ended->future.get() == static_cast<int>(ended->index) - 1);
    order.push_back(ended->index);
  }
  held.release();
  auto last = answers.next().get();
  REQUIRE(last);
  CHECK(last->index == 0);
  CHECK_FALSE(answers.next().get());
  for (std::size_t i = 0; i < 50; ++i) CHECK(order[i] == i + 1);
}

TEST_CASE("with_timeout cancels what takes too long") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  CHECK(corps::with_timeout(adder.call<&Adder::add>(1, 2), 10s).get() == 3);
  Held held;
  auto const error = error_of(corps::with_timeout(held.name.call<&Holder::quick>(), 2ms));
  CHECK(error.code == Errc::timeout);
  CHECK(error.text.find("with_timeout") != std::string::npos);
  held.release();
  CHECK(held.name.get<&Holder::quick_calls>().get() == 0);
}

/// The same inside a Conc.
class Client : public corps::Conc {
 public:
  void step() {}
  Task<int> all(Name<Adder> adder, int count) {
    auto answers = corps::when_all(sums(adder, count));
    auto const values = co_await answers;
    int total = 0;
    for (int const value : values) total += value;
    co_return total;
  }
  Task<int> each(Name<Adder> adder, int count) {
    auto answers = corps::next_of(sums(adder, count));
    int total = 0;
    while (auto ended = co_await answers.next()) total += ended->future.get();
    co_return total;
  }
  /// Waits for several that do not come, and is cancelled.
  Task<int> stuck(Name<Holder> holder, int way, std::uint64_t events) {
    auto& both = object_of<Gate::Events>(events);
    struct Unwinds {
      Gate::Events& events;
      ~Unwinds() { events.unwound.happen(); }
    } const unwinds{both};
    std::vector<Future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(holder.call<&Holder::quick>());
    both.entered.happen();
    if (way == 0) {
      auto all = corps::when_all(std::move(futures));
      (void)co_await all;
    } else if (way == 1) {
      auto any = corps::when_any(std::move(futures));
      (void)co_await any;
    } else {
      auto next = corps::next_of(std::move(futures));
      (void)co_await next.next();
    }
    co_return 1;
  }
  Task<std::string> late(Name<Holder> holder) {
    std::vector<Future<int>> futures;
    futures.push_back(holder.within(corps::no_deadline).call<&Holder::quick>());
    auto next = corps::next_of(std::move(futures));
    try {
      (void)co_await next.next();
    } catch (corps::Timeout const& error) {
      co_return error.text();
    }
    co_return "answered";
  }
};

TEST_CASE("a Conc waits for many") {
  Running corps;
  auto adder = corps::create<Adder>(corps::here()).get();
  auto client = corps::create<Client>(corps::here()).get();
  CHECK(client.call<&Client::all>(adder, 1000).get() == 500'500);
  CHECK(client.call<&Client::each>(adder, 1000).get() == 500'500);
}

TEST_CASE("cancelling what waits for several cancels them") {
  Running corps;
  for (int way = 0; way < 3; ++way) {
    Held held;
    Gate::Events events;
    auto client = corps::create<Client>(corps::here()).get();
    auto future = client.call<&Client::stuck>(held.name, way, handle(events));
    REQUIRE(events.entered.wait());
    future.cancel();
    CHECK(events.unwound.wait());
    client.call<&Client::step>().get();  // the step in which it unwound has ended
    CHECK(error_of(std::move(future)).code == Errc::cancelled);
    held.release();
    CHECK(held.name.get<&Holder::quick_calls>().get() == 0);
  }
}

TEST_CASE("a Worker may end while it waits for several") {
  Running corps;
  for (int way = 0; way < 3; ++way) {
    Held held;
    Gate::Events events;
    auto client = corps::create<Client>(corps::here()).get();
    auto future = client.call<&Client::stuck>(held.name, way, handle(events));
    REQUIRE(events.entered.wait());
    corps::exit(client);
    CHECK(events.unwound.wait());
    CHECK(error_of(std::move(future)).code == Errc::worker_lost);
  }
}

// --- fan_out -----------------------------------------------------------------------------------------------------

class Shard : public corps::Conc {
 public:
  int scaled(int factor) { return ++calls * factor; }
  int fails_if(int bad, int index) {
    ++calls;
    if (index == bad) throw std::runtime_error{"bad " + std::to_string(index)};
    return index;
  }
  int calls = 0;
};

TEST_CASE("fan_out calls each of many, some at a time") {
  Running corps;
  auto const shards = corps::create<Shard>(corps::per_env(50)).get();
  for (std::size_t const window : {0U, 1U, 7U, 500U}) {
    auto const results = corps::fan_out<&Shard::scaled>(shards, {.window = window}, 10).get();
    REQUIRE(results.size() == 50);
    for (int const result : results) CHECK(result == results.front());
  }
  CHECK(shards.back().get<&Shard::calls>().get() == 4);
  CHECK(corps::fan_out<&Shard::scaled>(std::vector<Name<Shard>>{}, {}, 10).get().empty());
  auto const fails_at = [&](int bad) {
    return [&shards, bad](std::size_t i) { return shards[i].call<&Shard::fails_if>(bad, static_cast<int>(i)); };
  };
  auto const own = corps::fan_out(shards.size(), {}, fails_at(-1)).get();
  for (int i = 0; i < 50; ++i) CHECK(own[static_cast<std::size_t>(i)] == i);
  CHECK(error_of(corps::fan_out(shards.size(), {.window = 4}, fails_at(20))).text == "bad 20");
  CHECK(shards.back().get<&Shard::calls>().get() == 6);  // all were called
  CHECK(error_of(corps::fan_out(shards.size(), {.window = 1, .on_error = corps::OnError::at_once}, fails_at(20))).text ==
        "bad 20");
  CHECK(shards.back().get<&Shard::calls>().get() == 6);  // the last was not called: one at a time, and one failed before
  auto ended = corps::fan_out_ended(shards.size(), {.window = 4}, fails_at(20)).get();
  CHECK(ended[19].get() == 19);
  CHECK(error_of(std::move(ended[20])).text == "bad 20");
}

TEST_CASE("fan_out has no more calls open than its window") {
  Running corps;
  Held held;
  std::size_t begun = 0;
  auto results = corps::fan_out(100, {.window = 5}, [&](std::size_t) {
    ++begun;
    return held.name.call<&Holder::quick>();
  });
  CHECK(begun == 5);
  held.release();
  CHECK(results.get().size() == 100);
  CHECK(begun == 100);
}

}  // namespace combine_test
