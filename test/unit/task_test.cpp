// Methods that await: one request at a time, interleaved classes, Tasks beside a request, and the shapes of awaiting.

#include <stdexcept>

#include "test/unit/runtime_kit.hpp"

namespace task_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

/// Answers when the test says so, without blocking a thread: each call waits for a later call of `open`.
class Door : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<int> pass(int n) {
    auto self = corps::name_of(*this);
    ++waiting;
    most = std::max(most, waiting);
    while (!is_open) co_await self.call<&Door::nothing>();
    --waiting;
    co_return n;
  }
  void nothing() {}
  void open() { is_open = true; }
  int most_waiting() { return most; }

 private:
  bool is_open = false;
  int waiting = 0;
  int most = 0;
};

/// Says in which order its requests began and ended.
template <bool interleaves>
class Diary : public corps::Conc {
 public:
  static constexpr std::string_view corps_class = interleaves ? "task_test::InterleavedDiary" : "task_test::Diary";
  static constexpr bool corps_interleaved = interleaves;
  corps::Task<> write(corps::Name<Door> door, std::string name) {
    pages.push_back("begin " + name);
    (void)co_await door.call<&Door::pass>(1);
    (void)co_await door.call<&Door::pass>(2);
    pages.push_back("end " + name);
  }
  std::vector<std::string> read() { return pages; }

 private:
  std::vector<std::string> pages;
};

TEST_CASE("a Conc serves one request at a time, across its awaits") {
  Running corps;
  auto door = corps::create<Door>(corps::here()).get();
  auto diary = corps::create<Diary<false>>(corps::here()).get();
  auto a = diary.call<&Diary<false>::write>(door, "a");
  auto b = diary.call<&Diary<false>::write>(door, "b");
  auto pages = diary.call<&Diary<false>::read>();
  CHECK_FALSE(pages.ready());
  door.call<&Door::open>().get();
  CHECK(pages.get() == std::vector<std::string>{"begin a", "end a", "begin b", "end b"});
  CHECK(door.call<&Door::most_waiting>().get() == 1);
  a.get();
  b.get();
}

TEST_CASE("an interleaved Conc begins requests while others wait") {
  Running corps;
  auto door = corps::create<Door>(corps::here()).get();
  auto diary = corps::create<Diary<true>>(corps::here()).get();
  auto a = diary.call<&Diary<true>::write>(door, "a");
  auto b = diary.call<&Diary<true>::write>(door, "b");
  CHECK(diary.call<&Diary<true>::read>().get() == std::vector<std::string>{"begin a", "begin b"});
  door.call<&Door::open>().get();
  a.get();
  b.get();
  CHECK(diary.call<&Diary<true>::read>().get().size() == 4);
}

/// Every way to write an await that the documents allow.
class Shapes : public corps::Conc {
 public:
  int length(std::string text) { return static_cast<int>(text.size()); }
  std::string echo(std::string text) { return text; }
  bool odd(int n) { return n % 2 != 0; }
  std::vector<std::string> split(std::string text, std::vector<std::string> more) {
    more.insert(more.begin(), std::move(text));
    return more;
  }
  void fail() { throw std::runtime_error("failed"); }

  corps::Task<int> in_a_loop(corps::Name<Shapes> other) {
    int sum = 0;
    for (int i = 0; i < 100; ++i) sum += co_await other.call<&Shapes::length>(std::string(static_cast<std::size_t>(i), 'x'));
    co_return sum;
  }
  corps::Task<int> in_conditions(corps::Name<Shapes> other) {
    int odd_ones = 0;
    for (int i = 0; i < 10; ++i)
      if (co_await other.call<&Shapes::odd>(i)) ++odd_ones;
    int tries = 0;
    while (co_await other.call<&Shapes::length>(std::string(static_cast<std::size_t>(tries), 'x')) < 5) ++tries;
    co_return 100 * odd_ones + tries;
  }
  corps::Task<std::string> as_an_argument(corps::Name<Shapes> other) {
    auto text = co_await other.call<&Shapes::echo>(co_await other.call<&Shapes::echo>(std::string(100, 'a')) + "b");
    co_return text + co_await other.call<&Shapes::echo>("c" + std::string(50, 'd'));
  }
  corps::Task<int> through_within(corps::Name<Shapes> other) {
    co_return co_await other.within(10s).call<&Shapes::length>("four" + std::string(100, ' '));
  }
  corps::Task<std::vector<std::string>> with_braces(corps::Name<Shapes> other) {
    std::vector<std::string> const more{std::string(40, 'p'), std::string(40, 'q')};
    co_return co_await other.call<&Shapes::split>(std::string(40, 'o'), more);
  }
  corps::Task<int> from_a_container(corps::Name<Shapes> other) {
    std::vector<corps::Future<int>> lengths;
    for (int i = 0; i < 5; ++i) lengths.push_back(other.call<&Shapes::length>(std::string(static_cast<std::size_t>(i), 'x')));
    int sum = 0;
    for (std::size_t i = lengths.size(); i > 0; --i) sum += co_await lengths[i - 1];
    co_return sum;
  }
  corps::Task<std::string> in_try(corps::Name<Shapes> other) {
    std::string said;
    try {
      co_await other.call<&Shapes::fail>();
    } catch (corps::RemoteError const& error) {
      said = error.text();
    }
    auto more = co_await other.call<&Shapes::echo>(" once");
    co_return said + more;
  }
  corps::Task<std::string> through_helpers(corps::Name<Shapes> other) {
    auto one = co_await helper(other, "x" + std::string(40, 'y'));
    std::string two = co_await helper(other, one);
    co_return two;
  }
  corps::Task<int> deep(int levels) { co_return co_await level(levels); }
  corps::Task<int> many_ready(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await one();
    co_return sum;
  }
  corps::Task<int> not_a_coroutine() { return one(); }
  corps::Task<int> no_task() { return {}; }
  corps::Task<> awaits_nothing() { co_await corps::Task<>{}; }
  corps::Task<int> awaits_twice() {
    auto task = one();
    (void)co_await task;
    co_return co_await task;
  }

 private:
  static corps::Task<std::string> helper(corps::Name<Shapes> other, std::string text) {
    auto answer = co_await other.call<&Shapes::echo>(text + "!");
    co_return answer;
  }
  static corps::Task<int> one() { co_return 1; }
  static corps::Task<int> level(int levels) {
    if (levels == 0) co_return 0;
    co_return co_await one_more(levels - 1);
  }
  static corps::Task<int> one_more(int levels) {
    auto below = level(levels);
    auto depth = co_await below;
    co_return depth + 1;
  }
};

TEST_CASE("awaiting in every shape") {
  Running corps;
  auto shapes = corps::create<Shapes>(corps::here()).get();
  auto other = corps::create<Shapes>(corps::here()).get();
  CHECK(shapes.call<&Shapes::in_a_loop>(other).get() == 4950);
  CHECK(shapes.call<&Shapes::in_conditions>(other).get() == 505);
  CHECK(shapes.call<&Shapes::as_an_argument>(other).get() == std::string(100, 'a') + "bc" + std::string(50, 'd'));
  CHECK(shapes.call<&Shapes::through_within>(other).get() == 104);
  CHECK(shapes.call<&Shapes::with_braces>(other).get().size() == 3);
  CHECK(shapes.call<&Shapes::from_a_container>(other).get() == 10);
  CHECK(shapes.call<&Shapes::in_try>(other).get() == "failed once");
  CHECK(shapes.call<&Shapes::through_helpers>(other).get() == "x" + std::string(40, 'y') + "!!");
  CHECK(shapes.call<&Shapes::not_a_coroutine>().get() == 1);
}

TEST_CASE("Tasks nest deeply and end often without using up the stack") {
  Running corps;
  auto shapes = corps::create<Shapes>(corps::here()).get();
  CHECK(shapes.call<&Shapes::deep>(1000).get() == 1000);
  CHECK(shapes.call<&Shapes::many_ready>(300'000).get() == 300'000);
}

TEST_CASE("what is no Task is an error of the call") {
  Running corps;
  auto shapes = corps::create<Shapes>(corps::here()).get();
  CHECK(error_of(shapes.call<&Shapes::no_task>()).type == "std::logic_error");
  CHECK(error_of(shapes.call<&Shapes::awaits_nothing>()).type == "std::logic_error");
  CHECK(error_of(shapes.call<&Shapes::awaits_twice>()).type == "std::logic_error");
  CHECK_THROWS_AS((void)corps::spawn(corps::Task<>{}), std::logic_error);
}

/// Runs Tasks beside its requests.
class Spawner : public corps::Conc {
 public:
  corps::Task<std::vector<std::string>> both(corps::Name<Door> door) {
    auto side = corps::spawn(beside(door));
    log.push_back("main");
    door.tell<&Door::open>();
    auto value = co_await side;
    log.push_back("side gave " + std::to_string(value));
    co_return log;
  }
  corps::Task<std::string> fails() {
    auto side = corps::spawn(throws());
    try {
      co_await side;
    } catch (corps::RemoteError const& error) {
      co_return error.type() + ": " + error.text();
    }
    co_return "";
  }
  corps::Task<int> waits_in_spawn() {
    for (int i = 0; i < 1000; ++i) {
      auto ready = corps::spawn(at_once(i));
      auto const value = co_await ready;
      if (value != i) co_return -1;
    }
    co_return 1000;
  }
  void forget(corps::Name<Door> door) { (void)corps::spawn(beside(door)); }
  std::vector<std::string> read() { return log; }

 private:
  corps::Task<int> beside(corps::Name<Door> door) {
    log.push_back("side");
    auto const value = co_await door.call<&Door::pass>(42);
    log.push_back("side goes on");
    co_return value;
  }
  static corps::Task<int> at_once(int n) { co_return n; }
  static corps::Task<> throws() {
    throw std::domain_error("beside");
    co_return;
  }
  std::vector<std::string> log;
};

TEST_CASE("spawn runs a Task beside the request") {
  Running corps;
  auto door = corps::create<Door>(corps::here()).get();
  auto spawner = corps::create<Spawner>(corps::here()).get();
  CHECK(spawner.call<&Spawner::both>(door).get() == std::vector<std::string>{"side", "main", "side goes on", "side gave 42"});
  CHECK(spawner.call<&Spawner::fails>().get() == "std::domain_error: beside");
  CHECK(spawner.call<&Spawner::waits_in_spawn>().get() == 1000);
}

TEST_CASE("a spawned Task does not keep its Worker busy") {
  Running corps;
  auto door = corps::create<Door>(corps::here()).get();
  auto spawner = corps::create<Spawner>(corps::here()).get();
  spawner.call<&Spawner::forget>(door).get();
  CHECK(spawner.call<&Spawner::read>().get() == std::vector<std::string>{"side"});
}

TEST_CASE("a plain thread's Tasks go on while it waits") {
  Running corps;
  auto shapes = corps::create<Shapes>(corps::here()).get();
  auto sum = corps::spawn([](corps::Name<Shapes> other) -> corps::Task<int> {
    int total = 0;
    for (int i = 0; i < 10; ++i) total += co_await other.call<&Shapes::length>("abc");
    co_return total;
  }(shapes));
  CHECK(sum.get() == 30);
}

/// Waits in get() of a Future for as long as another of its own Tasks goes on inside.
class Polite : public corps::Conc {
 public:
  corps::Task<bool> check(corps::Name<Door> door, corps::Name<Holder> holder, std::uint64_t events) {
    bool went_on = false;
    auto side = corps::spawn(goes_on(door, &went_on));
    auto held = holder.call<&Holder::hold>(events);
    door.tell<&Door::open>();
    auto const until = std::chrono::steady_clock::now() + patience;
    while (!side_answer_is_here(door) && std::chrono::steady_clock::now() < until) (void)held.ready();
    bool const ran_inside_ready = went_on;
    object_of<Holder::Events>(events).release.happen();
    (void)co_await held;
    co_await side;
    co_return !ran_inside_ready && went_on;
  }

 private:
  /// Once this call is answered, so is the one that the Task beside waits for.
  static bool side_answer_is_here(corps::Name<Door> door) { return door.call<&Door::most_waiting>().ready(); }
  static corps::Task<> goes_on(corps::Name<Door> door, bool* went_on) {
    (void)co_await door.call<&Door::pass>(1);
    *went_on = true;
  }
};

TEST_CASE("asking whether a Future is ready runs no other Task") {
  Running corps({"env.threads=3"});
  auto door = corps::create<Door>(corps::here()).get();
  auto holder = corps::create<Holder>(corps::here()).get();
  auto polite = corps::create<Polite>(corps::here()).get();
  Holder::Events events;
  CHECK(polite.call<&Polite::check>(door, holder, handle(events)).get());
}

}  // namespace task_test
