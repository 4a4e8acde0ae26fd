// Streams: as result and as argument, with credit, errors, cancel and end.

#include <stdexcept>
#include <thread>

#include "test/unit/runtime_kit.hpp"

namespace stream_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Name;
using corps::Stream;
using corps::Task;

struct Unwinds {
  ~Unwinds() { event.happen(); }
  Event& event;
};

struct Events {
  Event begun;
  Event unwound;
};

class Source : public corps::Conc {
 public:
  Stream<int> count(int to) {
    for (int i = 0; i < to; ++i) {
      produced = i + 1;
      co_yield i;
    }
  }
  Stream<std::string> words(int to) {
    for (int i = 0; i < to; ++i) co_yield std::string(40, 'x') + std::to_string(i);
  }
  Stream<int> fails_after(int items) {
    for (int i = 0; i < items; ++i) co_yield i;
    throw std::out_of_range{"no more"};
  }
  /// Tells when it begins, and when it unwinds and with what.
  Stream<int> endless(std::uint64_t events) {
    Unwinds const unwinds{object_of<Events>(events).unwound};
    object_of<Events>(events).begun.happen();
    try {
      for (int i = 0;; ++i) co_yield i;
    } catch (corps::Cancelled const&) {
      saw_cancel = corps::cancelled();
      throw;
    }
  }
  /// Waits for another between two items.
  Stream<int> waits(Name<Holder> holder, std::uint64_t events) {
    Unwinds const unwinds{object_of<Events>(events).unwound};
    co_yield 0;
    auto answer = holder.call<&Holder::quick>();
    int const value = co_await answer;
    co_yield value;
  }
  int own() { return 1; }
  int produced = 0;
  bool saw_cancel = false;
};

class Sink : public corps::Conc {
 public:
  Task<std::int64_t> sum_from(Name<Source> source, int to) {
    auto answer = source.call<&Source::count>(to);
    auto numbers = co_await answer;
    std::int64_t sum = 0;
    while (auto number = co_await numbers.next()) sum += *number;
    co_return sum;
  }
  Task<std::int64_t> sum(Stream<int> numbers, int window) {
    numbers.set_window(static_cast<std::size_t>(window));
    std::int64_t sum = 0;
    while (auto number = co_await numbers.next()) sum += *number;
    co_return sum;
  }
  Task<int> first_of(Stream<int> numbers) {
    auto number = co_await numbers.next();
    co_return *number;
  }
  Task<std::int64_t> write_to(Name<Sink> other, int to) {
    auto [writer, numbers] = corps::stream<int>();
    auto sum = other.call<&Sink::sum>(std::move(numbers), 16);
    for (int i = 0; i < to; ++i) co_await writer.write(i);
    writer.end();
    std::int64_t const total = co_await sum;
    co_return total;
  }
  void ignore(Stream<int>) {}
};

TEST_CASE("a method yields, a plain thread reads") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto numbers = source.call<&Source::count>(5000).get();
  CHECK(source.get<&Source::produced>().get() == 0);  // it begins when it is read
  int expected = 0;
  while (auto number = numbers.next().get()) {
    if (*number != expected) FAIL("out of order");
    ++expected;
  }
  CHECK(expected == 5000);
  CHECK_FALSE(numbers.next().get());
  auto none = source.call<&Source::count>(0).get();
  CHECK_FALSE(none.next().get());
  auto words = source.call<&Source::words>(1000).get();
  int count = 0;
  while (auto word = words.next().get()) count += word->size() > 40 ? 1 : 0;
  CHECK(count == 1000);
}

TEST_CASE("a million items between two Concs, and within one thread's reach of a window") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto sink = corps::create<Sink>(corps::here()).get();
  constexpr std::int64_t items = 1'000'000;
  CHECK(sink.call<&Sink::sum_from>(source, static_cast<int>(items)).get() == items * (items - 1) / 2);
}

TEST_CASE("the producer is a window ahead and no more, and others are served meanwhile") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto numbers = source.call<&Source::count>(1'000'000).get();
  numbers.set_window(10);
  for (int i = 0; i < 100; ++i) {
    auto number = numbers.next().get();
    REQUIRE(number);
    CHECK(*number == i);
    CHECK(source.call<&Source::own>().get() == 1);
    CHECK(source.get<&Source::produced>().get() <= i + 12);
  }
}

TEST_CASE("what the producer throws comes after its items") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto numbers = source.call<&Source::fails_after>(3).get();
  for (int i = 0; i < 3; ++i) CHECK(*numbers.next().get() == i);
  try {
    (void)numbers.next().get();
    FAIL("an error was due");
  } catch (corps::RemoteError const& error) {
    CHECK(error.type() == "std::out_of_range");
    CHECK(error.text() == "no more");
  }
}

TEST_CASE("dropping the consumer ends the producer") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto sink = corps::create<Sink>(corps::here()).get();
  Events events;
  {
    auto numbers = source.call<&Source::endless>(handle(events)).get();
    CHECK(*numbers.next().get() == 0);
  }
  CHECK(events.unwound.wait());
  CHECK(source.get<&Source::saw_cancel>().get());
  CHECK(sink.call<&Sink::first_of>(source.call<&Source::endless>(handle(events)).get()).get() == 0);
  CHECK(events.unwound.wait(2));
  { auto unread = source.call<&Source::endless>(handle(events)).get(); }
  CHECK(source.call<&Source::own>().get() == 1);
  CHECK(events.unwound.times() == 2);  // it never began
  Holder::Events hold;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto held = holder.call<&Holder::hold>(handle(hold));
  REQUIRE(hold.entered.wait());
  {
    auto numbers = source.call<&Source::waits>(holder, handle(events)).get();
    CHECK(*numbers.next().get() == 0);
  }
  CHECK(events.unwound.wait(3));  // though it waits for another
  hold.release.happen();
  CHECK(held.get() == 1);
}

TEST_CASE("the end of either Worker is noticed by the other") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  Events events;
  auto numbers = source.call<&Source::endless>(handle(events)).get();
  numbers.set_window(2);
  CHECK(*numbers.next().get() == 0);
  corps::exit(source);
  CHECK(events.unwound.wait());
  CHECK_THROWS_AS(while (numbers.next().get()){}, corps::WorkerLost);
  auto other = corps::create<Source>(corps::here()).get();
  auto sink = corps::create<Sink>(corps::here()).get();
  auto sum = sink.call<&Sink::sum>(other.call<&Source::endless>(handle(events)).get(), 100);
  CHECK(events.begun.wait(2));
  corps::exit(sink);
  CHECK(error_of(std::move(sum)).code == Errc::worker_lost);
  CHECK(events.unwound.wait(2));
}

TEST_CASE("a caller writes what a method reads") {
  Running corps;
  auto sink = corps::create<Sink>(corps::here()).get();
  auto writer = corps::create<Sink>(corps::here()).get();
  CHECK(writer.call<&Sink::write_to>(sink, 10'000).get() == 49'995'000);
  auto [out, numbers] = corps::stream<int>();
  auto sum = sink.call<&Sink::sum>(std::move(numbers), 8);
  for (int i = 0; i < 1000; ++i) out.write(i).get();
  out.end();
  CHECK(sum.get() == 499'500);
  CHECK_THROWS_AS(out.write(1).get(), std::logic_error);
}

TEST_CASE("a writer that fails, is dropped, or has no reader") {
  Running corps;
  auto sink = corps::create<Sink>(corps::here()).get();
  {
    auto [out, numbers] = corps::stream<int>();
    auto sum = sink.call<&Sink::sum>(std::move(numbers), 8);
    out.write(1).get();
    out.fail(std::make_exception_ptr(std::runtime_error{"disk full"}));
    CHECK(error_of(std::move(sum)).text == "disk full");
  }
  corps::Future<std::int64_t> sum;
  {
    auto [out, numbers] = corps::stream<int>();
    sum = sink.call<&Sink::sum>(std::move(numbers), 8);
    out.write(1).get();
  }
  CHECK(error_of(std::move(sum)).type == "corps::BrokenStream");
  auto [out, numbers] = corps::stream<int>();
  sink.call<&Sink::ignore>(std::move(numbers)).get();
  CHECK_THROWS_AS(out.write(1).get(), corps::Cancelled);
}

TEST_CASE("a wait for an item ends with the request that waits") {
  Running corps;
  auto sink = corps::create<Sink>(corps::here()).get();
  auto [out, numbers] = corps::stream<int>();
  auto sum = sink.within(5ms).call<&Sink::sum>(std::move(numbers), 8);
  auto const error = error_of(std::move(sum));
  CHECK((error.code == Errc::timeout || error.type == "corps::Timeout"));  // the sink's own wait may end first
  auto [other, more] = corps::stream<int>();
  auto waits = sink.call<&Sink::sum>(std::move(more), 8);
  other.write(1).get();
  waits.cancel();
  CHECK(error_of(std::move(waits)).code == Errc::cancelled);
  CHECK_THROWS_AS(for (;;) other.write(1).get(), corps::Cancelled);
}

TEST_CASE("a Stream is for one Worker") {
  Running corps;
  auto source = corps::create<Source>(corps::here()).get();
  auto numbers = source.call<&Source::count>(10).get();
  CHECK(*numbers.next().get() == 0);
  bool refused = false;
  std::thread{[&] {
    try {
      (void)numbers.next().get();
    } catch (std::logic_error const&) {
      refused = true;
    }
  }}.join();
  CHECK(refused);
  Stream<int> empty;
  CHECK_FALSE(empty.next().get());
}

}  // namespace stream_test
