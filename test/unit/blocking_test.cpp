// Workers that block in get() or blocking(): others go on, to a limit.

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/sched/internal/scheduler.hpp"
#include "test/unit/runtime_kit.hpp"

namespace blocking_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

/// Lets requests through when it is open, without keeping a thread.
class Gate : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<int> pass() {
    auto self = corps::name_of(*this);
    ++at_the_gate;
    while (!is_open) co_await self.call<&Gate::look>();
    co_return 1;
  }
  void look() {}
  void open() { is_open = true; }
  int waiting() { return at_the_gate; }

 private:
  bool is_open = false;
  int at_the_gate = 0;
};

class Blocker : public corps::Conc {
 public:
  int wait_at(corps::Name<Gate> gate) { return gate.call<&Gate::pass>().get(); }
  std::string wait_at_most(corps::Name<Gate> gate, int ms) {
    try {
      return std::to_string(gate.within(std::chrono::milliseconds(ms)).call<&Gate::pass>().get());
    } catch (corps::Timeout const&) {
      return "Timeout";
    } catch (corps::RemoteError const& error) {  // the gate's own call has the same deadline
      return error.type() == "corps::Timeout" ? "Timeout" : error.text();
    }
  }
  std::string wait_limit(corps::Name<Gate> gate, int ms) {
    auto future = gate.call<&Gate::pass>();
    try {
      return std::to_string(future.get(std::chrono::milliseconds(ms)));
    } catch (corps::Timeout const&) {
      return future.valid() ? "Timeout" : "the Future is lost";
    }
  }
  std::string try_to_wait_at(corps::Name<Gate> gate) {
    auto future = gate.call<&Gate::pass>();
    try {
      return std::to_string(future.get());
    } catch (corps::Overloaded const& error) {
      return future.valid() ? error.text() : "the Future is lost";
    }
  }
  /// Each waits for the next one in get().
  int chain(corps::Name<Blocker> next, int depth) {
    if (depth == 0) return 0;
    auto after_next = corps::create<Blocker>(corps::here()).get();
    auto const below = next.call<&Blocker::chain>(after_next, depth - 1).get();
    corps::exit(after_next);
    return below + 1;
  }
  int wait_for_itself() { return corps::name_of(*this).call<&Blocker::quick>().get(); }
  /// The gate is opened by a Task of this Worker that goes on inside of the get().
  int wait_with_task(corps::Name<Gate> gate, corps::Name<Blocker> helper) {
    (void)corps::spawn(opens(gate, helper));
    return 2 + gate.call<&Gate::pass>().get();
  }
  int quick() { return ++count; }

 private:
  static corps::Task<> opens(corps::Name<Gate> gate, corps::Name<Blocker> helper) {
    for (int i = 0; i < 100; ++i) (void)co_await helper.call<&Blocker::quick>();
    gate.tell<&Gate::open>();
  }
  int count = 0;
};

TEST_CASE("while Concs wait in get(), others go on, with a single thread") {
  Running corps({"env.threads=1"});
  auto gate = corps::create<Gate>(corps::here()).get();
  auto busy = corps::create<Blocker>(corps::here()).get();
  std::vector<corps::Future<int>> waits;
  for (int i = 0; i < 5; ++i) waits.push_back(corps::create<Blocker>(corps::here()).get().call<&Blocker::wait_at>(gate));
  for (int i = 1; i <= 100; ++i) CHECK(busy.call<&Blocker::quick>().get() == i);
  while (gate.call<&Gate::waiting>().get() < 5) {
  }
  for (auto const& wait : waits) CHECK_FALSE(wait.ready());
  gate.call<&Gate::open>().get();
  for (auto& wait : waits) CHECK(wait.get() == 1);
}

TEST_CASE("get() in get() in get(), ten deep, with a single thread") {
  Running corps({"env.threads=1"});
  auto first = corps::create<Blocker>(corps::here()).get();
  auto second = corps::create<Blocker>(corps::here()).get();
  CHECK(first.call<&Blocker::chain>(second, 10).get() == 10);
}

TEST_CASE("at the limit of spare threads get() says so, and the Future stays") {
  Running corps({"env.threads=1", "limits.spare_threads=1"});
  auto gate = corps::create<Gate>(corps::here()).get();
  auto one = corps::create<Blocker>(corps::here()).get();
  auto two = corps::create<Blocker>(corps::here()).get();
  auto waits = one.call<&Blocker::wait_at>(gate);
  while (gate.call<&Gate::waiting>().get() < 1) {
  }
  auto const said = two.call<&Blocker::try_to_wait_at>(gate).get();
  CHECK(said.find("limits.spare_threads") != std::string::npos);
  gate.call<&Gate::open>().get();
  CHECK(waits.get() == 1);
  CHECK(two.call<&Blocker::wait_at>(gate).get() == 1);  // there is room again
}

TEST_CASE("what a Task sends while its Worker waits in get() is run by others") {
  Running corps({"env.threads=1"});
  auto gate = corps::create<Gate>(corps::here()).get();
  auto blocker = corps::create<Blocker>(corps::here()).get();
  auto helper = corps::create<Blocker>(corps::here()).get();
  CHECK(blocker.call<&Blocker::wait_with_task>(gate, helper).get() == 3);
}

TEST_CASE("a Conc that waits for itself in get() ends at its deadline") {
  Running corps({"env.threads=1"});
  auto blocker = corps::create<Blocker>(corps::here()).get();
  auto const error = error_of(blocker.within(20ms).call<&Blocker::wait_for_itself>());
  CHECK((error.code == corps::Errc::timeout || error.type == "corps::Timeout"));
  CHECK(blocker.call<&Blocker::quick>().get() == 1);
}

TEST_CASE("a Conc that waits in get() ends with its Corps") {
  Running corps({"env.threads=1"});
  auto gate = corps::create<Gate>(corps::here()).get();
  auto blocker = corps::create<Blocker>(corps::here()).get();
  auto waits = blocker.call<&Blocker::wait_at>(gate);
  while (gate.call<&Gate::waiting>().get() < 1) {
  }
  CHECK(corps.stop() == 0);
  auto const error = error_of(std::move(waits));
  CHECK((error.code == corps::Errc::worker_lost || error.type == "corps::WorkerLost"));
}

TEST_CASE("the deadline of a call ends a get() of a Conc") {
  Running corps({"env.threads=1"});
  auto gate = corps::create<Gate>(corps::here()).get();
  auto blocker = corps::create<Blocker>(corps::here()).get();
  CHECK(blocker.call<&Blocker::wait_at_most>(gate, 10).get() == "Timeout");
  CHECK(blocker.call<&Blocker::wait_limit>(gate, 10).get() == "Timeout");
}

// --- blocking() --------------------------------------------------------------------------------------------------

struct Events {
  Event entered;
  Event release;
  Event told;
};

/// Blocks outside of what the runtime knows.
class Sleeper : public corps::Conc {
 public:
  int sleep(std::uint64_t events) {
    return corps::blocking([&] {
      auto& both = object_of<Events>(events);
      both.entered.happen();
      return both.release.wait() ? 1 : 0;
    });
  }
  corps::Task<int> sleep_as_task(std::uint64_t events) {
    int const slept = sleep(events);
    auto another = co_await corps::create<Sleeper>(corps::here());
    auto const counted = co_await another.call<&Sleeper::quick>();
    corps::exit(another);
    co_return slept + counted;
  }
  /// What it sends before it sleeps is served while it sleeps.
  bool tell_and_sleep(corps::Name<Sleeper> other, std::uint64_t events) {
    return corps::blocking([&] {
      other.tell<&Sleeper::happen>(events);
      return object_of<Events>(events).told.wait();
    });
  }
  void happen(std::uint64_t events) { object_of<Events>(events).told.happen(); }
  int call_while_blocking(corps::Name<Sleeper> other) {
    return corps::blocking([&] { return corps::blocking([&] { return other.call<&Sleeper::quick>().get() + 10; }) + 100; });
  }
  std::string throws() {
    try {
      corps::blocking([] { throw std::runtime_error{"the disk is gone"}; });
    } catch (std::runtime_error const& error) {
      return error.what();
    }
    return "nothing";
  }
  std::string try_to_block() {
    bool ran = false;
    try {
      corps::blocking([&] { ran = true; });
    } catch (corps::Overloaded const& error) {
      return ran ? "it ran" : error.text();
    }
    return "";
  }
  /// Another Task of this Worker waits meanwhile.
  corps::Task<int> beside(corps::Name<Gate> gate, std::uint64_t events) {
    auto passes = gate.call<&Gate::pass>();
    auto waits = corps::spawn(adds_one(std::move(passes)));
    int const slept = sleep(events);
    co_return slept + co_await waits;
  }
  int quick() { return ++count; }

 private:
  static corps::Task<int> adds_one(corps::Future<int> future) { co_return 1 + co_await future; }
  int count = 0;
};

TEST_CASE("while Concs are in blocking(), others go on, with a single thread") {
  Running corps({"env.threads=1"});
  Events events;
  std::vector<corps::Future<int>> sleeping;
  for (int i = 0; i < 3; ++i) {
    auto sleeper = corps::create<Sleeper>(corps::here()).get();
    sleeping.push_back(sleeper.call<&Sleeper::sleep>(handle(events)));
    sleeping.push_back(corps::create<Sleeper>(corps::here()).get().call<&Sleeper::sleep_as_task>(handle(events)));
  }
  auto busy = corps::create<Sleeper>(corps::here()).get();
  CHECK(events.entered.wait(6));
  CHECK(corps::sched::scheduler()->counts().blocked == 6);
  for (int i = 1; i <= 100; ++i) CHECK(busy.call<&Sleeper::quick>().get() == i);
  for (auto const& sleep : sleeping) CHECK_FALSE(sleep.ready());
  events.release.happen();
  for (std::size_t i = 0; i < sleeping.size(); ++i) CHECK(sleeping[i].get() == 1 + static_cast<int>(i % 2));
  CHECK(corps::sched::scheduler()->counts().blocked == 0);
}

TEST_CASE("what is sent in blocking() is run by others while it lasts") {
  Running corps({"env.threads=1"});
  Events events;
  auto sleeper = corps::create<Sleeper>(corps::here()).get();
  auto other = corps::create<Sleeper>(corps::here()).get();
  CHECK(sleeper.call<&Sleeper::tell_and_sleep>(other, handle(events)).get());
  CHECK(sleeper.call<&Sleeper::call_while_blocking>(other).get() == 111);
}

TEST_CASE("blocking() brings what the function returns, or throws") {
  int number = 7;
  CHECK(&corps::blocking([&]() -> int& { return number; }) == &number);  // a plain thread, without any Env
  Running corps;
  CHECK(corps::blocking([] { return std::string{"read"}; }) == "read");
  auto sleeper = corps::create<Sleeper>(corps::here()).get();
  CHECK(sleeper.call<&Sleeper::throws>().get() == "the disk is gone");
}

TEST_CASE("at the limit of spare threads blocking() says so, and runs nothing") {
  Running corps({"env.threads=1", "limits.spare_threads=1"});
  Events events;
  auto one = corps::create<Sleeper>(corps::here()).get();
  auto two = corps::create<Sleeper>(corps::here()).get();
  auto sleeps = one.call<&Sleeper::sleep>(handle(events));
  CHECK(events.entered.wait());
  CHECK(two.call<&Sleeper::try_to_block>().get().find("limits.spare_threads") != std::string::npos);
  events.release.happen();
  CHECK(sleeps.get() == 1);
  CHECK(two.call<&Sleeper::try_to_block>().get() == "");  // there is room again
}

TEST_CASE("blocking() holds the other Tasks of its Conc, and only those") {
  Running corps({"env.threads=1"});
  Events events;
  auto gate = corps::create<Gate>(corps::here()).get();
  auto sleeper = corps::create<Sleeper>(corps::here()).get();
  auto both = sleeper.call<&Sleeper::beside>(gate, handle(events));
  CHECK(events.entered.wait());
  gate.call<&Gate::open>().get();
  CHECK_FALSE(both.ready());
  events.release.happen();
  CHECK(both.get() == 3);
}

}  // namespace blocking_test
