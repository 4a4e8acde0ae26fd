// How Workers begin and end: construction, on_start, on_main, exit, and what becomes of those who wait.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "corps/detail/conc_id.hpp"
#include "test/unit/runtime_kit.hpp"

namespace create_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;

class Plain : public corps::Conc {
 public:
  explicit Plain(int start = 0) : number(start) {}
  corps::ConcAddr address() { return my_addr(); }
  corps::ConcAddr mgr() { return my_mgr(); }
  std::string tag() { return my_tag(); }
  std::string class_text() { return std::string{my_class()}; }
  corps::Task<corps::ConcAddr> make_child() {
    auto child = co_await corps::create<Plain>(corps::here());
    co_return co_await child.call<&Plain::mgr>();
  }
  int get() { return number; }
  int number;
};

TEST_CASE("Workers are created at every kind of place, and know themselves") {
  Running corps;
  auto one = corps::create<Plain>(corps::here().tagged(corps::Tag{"first"}), 7).get();
  CHECK(one.call<&Plain::get>().get() == 7);
  CHECK(one.call<&Plain::address>().get() == one.address());
  CHECK(one.call<&Plain::tag>().get() == "first");
  CHECK(one.call<&Plain::class_text>().get() == "create_test::Plain");
  CHECK(one.call<&Plain::make_child>().get() == one.address());
  CHECK(corps::create<Plain>(corps::env(0)).get().address().env == 0);
  auto const per_env = corps::create<Plain>(corps::per_env(3).tagged(corps::Tag{"many"}), 5).get();
  REQUIRE(per_env.size() == 3);
  for (auto const& name : per_env) {
    CHECK(name.call<&Plain::get>().get() == 5);
    CHECK(name.call<&Plain::tag>().get() == "many");
  }
  CHECK(corps::create<Plain>(corps::anywhere(4)).get().size() == 4);
  CHECK(corps::create<Plain>(corps::anywhere(0)).get().empty());
  CHECK(error_of(corps::create<Plain>(corps::env(9))).code == Errc::worker_lost);
}

TEST_CASE("an object that nobody created is no Worker") {
  Plain const alone;
  CHECK(alone.my_addr() == corps::ConcAddr{});
  CHECK(alone.my_tag().empty());
}

class Fussy : public corps::Conc {
 public:
  explicit Fussy(std::string fails) : where(std::move(fails)) {
    if (where == "constructor") throw std::invalid_argument("in the constructor");
  }
  ~Fussy() override { ++destroyed; }
  corps::Task<> on_start() override {
    if (where == "on_start at once") throw std::invalid_argument("in on_start");
    auto other = co_await corps::create<Plain>(corps::here());
    (void)co_await other.call<&Plain::get>();
    corps::exit(other);
    if (where == "on_start") throw std::invalid_argument("in on_start, later");
    started = true;
  }
  corps::Task<> on_main() override {
    if (where != "on_main") co_return;
    throw std::invalid_argument("in on_main");
  }
  bool is_started() { return started; }
  static inline std::atomic<int> destroyed{0};
  std::string where;
  bool started = false;
};

TEST_CASE("what fails on the way into life ends the creation, and nothing is left") {
  Running corps;
  CHECK(corps::create<Fussy>(corps::here(), "").get().call<&Fussy::is_started>().get());
  Fussy::destroyed = 0;
  auto const thrown = error_of(corps::create<Fussy>(corps::here(), "constructor"));
  CHECK(thrown.code == Errc::remote);
  CHECK(thrown.type == "std::invalid_argument");
  CHECK(thrown.text == "in the constructor");
  CHECK(Fussy::destroyed == 0);
  CHECK(error_of(corps::create<Fussy>(corps::here(), "on_start at once")).text == "in on_start");
  CHECK(error_of(corps::create<Fussy>(corps::here(), "on_start")).text == "in on_start, later");
  CHECK(error_of(corps::create<Fussy>(corps::per_env(3), "on_start")).text == "in on_start, later");
  CHECK(corps.stop() == 0);
  CHECK(Fussy::destroyed == 6);  // five of these, and the one that went well
}

TEST_CASE("a Worker whose on_main throws ends") {
  Running corps;
  auto fussy = corps::create<Fussy>(corps::here(), "on_main").get();
  CHECK(error_of(fussy.call<&Fussy::is_started>()).code == Errc::worker_lost);
}

/// Interleaved, and slow to start; gives its Name away too early.
class Early : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  explicit Early(std::uint64_t slot) : early(slot) {}
  corps::Task<> on_start() override {
    object_of<corps::Name<Early>>(early) = corps::name_of(*this);
    auto self = corps::name_of(*this);
    self.tell<&Early::request>();
    auto other = co_await corps::create<Plain>(corps::here());
    for (int i = 0; i < 10; ++i) (void)co_await other.call<&Plain::get>();
    started = true;
  }
  void request() { served_before_start = !started; }
  bool was_served_too_early() { return served_before_start; }
  std::uint64_t early;
  bool started = false;
  bool served_before_start = false;
};

TEST_CASE("no request is served before on_start has ended, interleaved or not") {
  Running corps;
  corps::Name<Early> name;
  auto early = corps::create<Early>(corps::here(), handle(name)).get();
  CHECK(early == name);
  CHECK_FALSE(early.call<&Early::was_served_too_early>().get());
}

/// Writes down how it ends.
struct Ending {
  std::mutex mutex;
  std::vector<std::string> lines;
  Event begun;
  Event exited;
  void write(std::string line) {
    std::lock_guard const lock{mutex};
    lines.push_back(std::move(line));
  }
};

struct Local {
  Ending& ending;
  ~Local() { ending.write("local of a method"); }
};

class Mortal : public corps::Conc {
 public:
  explicit Mortal(std::uint64_t where) : ending(object_of<Ending>(where)) {}
  ~Mortal() override { ending.write("destructor"); }
  void on_exit() noexcept override {
    ending.write("on_exit");
    ending.exited.happen();
  }
  corps::Task<int> wait_for(corps::Name<Holder> holder) {
    ending.begun.happen();
    Local const local{ending};
    co_return co_await holder.call<&Holder::quick>();
  }
  int quick() { return 1; }
  Ending& ending;
};

TEST_CASE("exit: suspended methods are destroyed before the object, and all who wait learn it") {
  Running corps;
  Ending ending;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto mortal = corps::create<Mortal>(corps::here(), handle(ending)).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto suspended = mortal.call<&Mortal::wait_for>(holder);
  REQUIRE(ending.begun.wait());
  auto queued = mortal.call<&Mortal::quick>();
  corps::exit(mortal);
  auto const running = error_of(std::move(suspended));
  CHECK(running.code == Errc::worker_lost);
  CHECK(running.ran == Ran::maybe);
  auto const waiting = error_of(std::move(queued));
  CHECK(waiting.code == Errc::worker_lost);
  CHECK(waiting.ran == Ran::no);
  auto const later = error_of(mortal.call<&Mortal::quick>());
  CHECK(later.code == Errc::worker_lost);
  CHECK(later.ran == Ran::no);
  CHECK(ending.lines == std::vector<std::string>{"on_exit", "local of a method", "destructor"});
  corps::exit(mortal);  // does nothing
  events.release.happen();
  CHECK(held.get() == 1);
}

class Mourner : public corps::Conc {
 public:
  corps::Task<std::string> wait(corps::Name<Mortal> mortal, corps::Name<Holder> holder) {
    try {
      (void)co_await mortal.call<&Mortal::wait_for>(holder);
    } catch (corps::WorkerLost const& error) {
      co_return error.may_have_run() ? "lost, maybe run" : "lost, not run";
    }
    co_return "answered";
  }
};

TEST_CASE("a Conc that awaits a suspended method of a Worker that ends goes on") {
  Running corps;
  Ending ending;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto mourner = corps::create<Mourner>(corps::here()).get();
  auto mortal = corps::create<Mortal>(corps::here(), handle(ending)).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto waits = mourner.call<&Mourner::wait>(mortal, holder);
  REQUIRE(ending.begun.wait());
  corps::exit(mortal);
  CHECK(waits.get(patience) == "lost, maybe run");
  events.release.happen();
  CHECK(held.get() == 1);
}

class Maker : public corps::Conc {
 public:
  corps::Task<corps::Name<Plain>> make(int number) {
    auto made = corps::create<Plain>(corps::here(), number);
    auto const name = co_await made;
    co_return name;
  }
};

TEST_CASE("the next Worker in the place of a dead one does not get its calls") {
  Running const corps{{"env.threads=1"}};  // which keeps the place for the next one that is made on it
  auto maker = corps::create<Maker>(corps::here()).get();
  auto dead = corps::create<Plain>(corps::here(), 1).get();
  auto const place = corps::detail::split(dead.address().conc).slot;
  corps::exit(dead);
  CHECK(error_of(dead.call<&Plain::get>()).code == Errc::worker_lost);
  std::vector<corps::Name<Plain>> next;
  auto const until = std::chrono::steady_clock::now() + patience;
  do {
    next.push_back(maker.call<&Maker::make>(2).get());
  } while (corps::detail::split(next.back().address().conc).slot != place && std::chrono::steady_clock::now() < until);
  CHECK(corps::detail::split(next.back().address().conc).slot == place);
  CHECK(next.back().address() != dead.address());
  auto const error = error_of(dead.call<&Plain::get>());  // with the hint of the Name, and without
  CHECK(error.code == Errc::worker_lost);
  CHECK(error.ran == Ran::no);
  CHECK(error_of(corps::Name<Plain>{dead.address()}.call<&Plain::get>()).code == Errc::worker_lost);
  corps::exit(dead);
  CHECK(next.back().call<&Plain::get>().get() == 2);
}

TEST_CASE("a hundred thousand Workers come and go, and no id comes twice") {
  Running corps;
  constexpr std::size_t count = 100'000;
  constexpr std::size_t window = 1000;
  std::vector<corps::ConcAddr> ids;
  ids.reserve(count);
  std::vector<corps::Future<corps::Name<Plain>>> open;
  while (ids.size() < count) {
    for (std::size_t i = 0; i < window; ++i) open.push_back(corps::create<Plain>(corps::here()));
    for (auto& future : open) {
      auto const name = future.get();
      ids.push_back(name.address());
      corps::exit(name);
    }
    open.clear();
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  CHECK(corps.stop() == 0);
}

/// Begins a Task and calls others in its destructor.
class Late : public corps::Conc {
 public:
  explicit Late(corps::Name<Plain> friend_of_it) : other(friend_of_it) {}
  ~Late() override {
    (void)corps::spawn(asks(other));
    (void)other.call<&Plain::get>();
    other.tell<&Plain::get>();
  }
  int quick() { return 1; }

 private:
  static corps::Task<> asks(corps::Name<Plain> other) { (void)co_await other.call<&Plain::get>(); }
  corps::Name<Plain> other;
};

TEST_CASE("what a destructor begins ends with it") {
  Running corps;
  auto plain = corps::create<Plain>(corps::here(), 3).get();
  for (int i = 0; i < 20; ++i) {
    auto late = corps::create<Late>(corps::here(), plain).get();
    corps::exit(late);
    CHECK(error_of(late.call<&Late::quick>()).code == Errc::worker_lost);
  }
  CHECK(plain.call<&Plain::get>().get() == 3);
}

TEST_CASE("a Corps stops with requests in flight, and the next one begins as new") {
  std::vector<corps::Future<int>> left;
  for (int round = 0; round < 3; ++round) {
    Running corps({"limits.open_calls_per_worker=100000"});
    auto holder = corps::create<Holder>(corps::here()).get();
    Ending ending;
    auto mortal = corps::create<Mortal>(corps::here(), handle(ending)).get();
    Holder::Events events;
    left.push_back(holder.call<&Holder::hold>(handle(events)));
    REQUIRE(events.entered.wait());
    for (int i = 0; i < 100; ++i) left.push_back(holder.call<&Holder::quick>());
    for (int i = 0; i < 100; ++i) left.push_back(mortal.call<&Mortal::wait_for>(holder));
    std::thread{[&] { corps::stop(round); }}.join();
    std::thread releaser{[&] {
      (void)ending.exited.wait();  // so all were asked to end
      events.release.happen();
    }};
    CHECK(corps.stop() == round);
    releaser.join();
    int values = 0;
    int lost = 0;
    for (auto& future : left) {
      try {
        (void)future.get(patience);
        ++values;
      } catch (corps::WorkerLost const&) {
        ++lost;
      } catch (corps::RemoteError const& error) {  // of the method that was called, because it called another
        lost += error.type() == "corps::WorkerLost" ? 1 : 0;
      }
    }
    CHECK(values + lost == 201);
    CHECK(lost >= 100);
    left.clear();
    CHECK(error_of(holder.call<&Holder::quick>()).code == Errc::worker_lost);
    CHECK(error_of(corps::create<Plain>(corps::here())).code == Errc::refused);
  }
}

TEST_CASE("Workers are made while the Corps stops: each is made or refused, and none is left") {
  for (int round = 0; round < 20; ++round) {
    Running corps;
    std::atomic<bool> go_on{true};
    std::atomic<int> made{0};
    std::thread maker{[&] {
      while (go_on) {
        try {
          (void)corps::create<Plain>(corps::here()).get();
          ++made;
        } catch (corps::Error const&) {  // Refused, or WorkerLost
        }
      }
    }};
    while (made < 10) std::this_thread::yield();
    CHECK(corps.stop() == 0);
    go_on = false;
    maker.join();
  }
}

}  // namespace create_test
