// What is promised of time, circles and full mailboxes in one Env, in every order that the seeds come upon.

#include <string>
#include <vector>

#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace twin_time_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using namespace twin_kit;
using corps::Errc;
using corps::Name;
using corps::Task;

class Ticker : public corps::Conc {
 public:
  Task<> sleep(int ms) { co_await corps::sleep_for(std::chrono::milliseconds(ms)); }
  void tick() { ++ticks; }
  int ticks = 0;
};

TEST_CASE("a Worker sleeps as long as it asks for, and others are served meanwhile") {
  for_seeds(10, [](Twin& twin) {
    auto first = corps::create<Ticker>(corps::here()).get();
    auto second = corps::create<Ticker>(corps::here()).get();
    auto longer = first.call<&Ticker::sleep>(30);
    auto shorter = second.call<&Ticker::sleep>(10);
    shorter.get();
    CHECK(twin.now() >= 10ms);
    CHECK(twin.now() <= 11ms);
    second.call<&Ticker::tick>().get();
    longer.get();
    CHECK(twin.now() >= 30ms);
    CHECK(twin.now() <= 31ms);
    CHECK(second.get<&Ticker::ticks>().get() == 1);
  });
}

/// Calls the next of a ring, which calls the next, and so on.
class Ring : public corps::Conc {
 public:
  void join(Name<Ring> next) { next_ = next; }
  Task<int> go_round(int hops) {
    if (hops == 0) co_return 0;
    co_return 1 + co_await next_.call<&Ring::go_round>(hops - 1);
  }

 private:
  Name<Ring> next_;
};

TEST_CASE("a circle of requests ends with CallCycle within 100 ms, one that does not close with a value") {
  for_seeds(20, [](Twin& twin) {
    std::vector<Name<Ring>> ring;
    for (int i = 0; i < 3; ++i) ring.push_back(corps::create<Ring>(corps::here()).get());
    for (std::size_t i = 0; i < ring.size(); ++i) ring[i].call<&Ring::join>(ring[(i + 1) % ring.size()]).get();
    CHECK(ring[0].call<&Ring::go_round>(2).get() == 2);
    auto const began = twin.now();
    auto const error = error_of(ring[twin.random(3)].call<&Ring::go_round>(3));
    CHECK((error.code == Errc::call_cycle || error.type == "corps::CallCycle"));
    CHECK(twin.now() - began < 100ms);
    CHECK(ring[1].call<&Ring::go_round>(2).get() == 2);
  });
}

class Narrow : public corps::Conc {
 public:
  static constexpr std::uint32_t corps_mailbox = 2;
  int note(int sender, int n) {
    seen[static_cast<std::size_t>(sender)].push_back(n);
    return n;
  }
  std::vector<std::vector<int>> seen = std::vector<std::vector<int>>(3);
};

class Sender : public corps::Conc {
 public:
  Task<> send(int sender, Name<Narrow> narrow) {
    std::vector<corps::Future<int>> answers;
    for (int n = 0; n < 6; ++n) answers.push_back(narrow.call<&Narrow::note>(sender, n));
    for (auto& answer : answers) (void)co_await answer;
  }
};

TEST_CASE("calls to a full mailbox wait, and all are served, those of one sender in order") {
  for_seeds(20, [](Twin& twin) {
    auto narrow = corps::create<Narrow>(corps::here()).get();
    std::vector<corps::Future<void>> done;
    for (int sender = 0; sender < 2; ++sender)
      done.push_back(corps::create<Sender>(corps::here()).get().call<&Sender::send>(sender, narrow));
    for (int n = 0; n < 6; ++n) (void)narrow.call<&Narrow::note>(2, n);
    for (auto& each : done) each.get();
    CHECK(narrow.get<&Narrow::seen>().get() == std::vector<std::vector<int>>(3, {0, 1, 2, 3, 4, 5}));
    CHECK(twin.now() == 0s);
  });
}

}  // namespace twin_time_test
