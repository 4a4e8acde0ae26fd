// Concs with a thread of their own.

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "env/sched/internal/own_threads.hpp"
#include "env/sched/internal/scheduler.hpp"
#include "test/unit/runtime_kit.hpp"

namespace detached_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

std::string thread_name() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

class Plain : public corps::Conc {
 public:
  int thread() { return ::gettid(); }
  int quick() { return ++count; }

 private:
  int count = 0;
};

class Alone : public corps::Conc {
 public:
  Alone() : made_on_(::gettid()) {}
  explicit Alone(std::uint64_t ended) : ended_(&object_of<Event>(ended)) {}
  ~Alone() override {
    if (ended_ != nullptr) ended_->happen();
  }
  explicit Alone(std::string const& text) { throw std::invalid_argument{text}; }

  /// Each step of it: whether all were on the thread that ran the constructor.
  corps::Task<bool> stays(corps::Name<Plain> other) {
    bool same = ::gettid() == made_on_;
    (void)co_await other.call<&Plain::quick>();
    same = same && ::gettid() == made_on_;
    co_await corps::sleep_for(1ms);
    same = same && ::gettid() == made_on_;
    (void)other.call<&Plain::quick>().get();
    co_return same&& ::gettid() == made_on_;
  }
  std::string name() { return thread_name(); }
  int thread() { return ::gettid(); }
  std::string tag() { return my_tag(); }
  int hold(std::uint64_t events) {
    auto& both = object_of<Holder::Events>(events);
    both.entered.happen();
    return both.release.wait() ? 1 : 0;
  }
  int wait_in_get(corps::Name<Plain> other, std::uint64_t events) {
    return corps::blocking([&] { return hold(events); }) + other.call<&Plain::quick>().get();
  }
  int number(int n) {
    same_order_ = same_order_ && n == next_++;
    return same_order_ ? 1 : 0;
  }

 private:
  int made_on_ = 0;
  Event* ended_ = nullptr;
  int next_ = 0;
  bool same_order_ = true;
};

class WithAVeryLongNameIndeed : public Alone {
 public:
  std::string long_name() { return thread_name(); }
};

TEST_CASE("a detached Conc has a thread of its own, which it keeps") {
  Running corps({"env.threads=1"});
  auto plain = corps::create<Plain>(corps::here()).get();
  auto alone = corps::create<Alone>(corps::detached).get();
  auto another = corps::create<WithAVeryLongNameIndeed>(corps::detached).get();
  CHECK(corps::sched::own_threads()->count() == 2);
  CHECK(alone.call<&Alone::thread>().get() != plain.call<&Plain::thread>().get());
  CHECK(alone.call<&Alone::thread>().get() != another.call<&Alone::thread>().get());
  CHECK(alone.call<&Alone::stays>(plain).get());
  CHECK(alone.call<&Alone::name>().get() == "Alone");
  CHECK(another.call<&WithAVeryLongNameIndeed::long_name>().get() == "WithAVeryLongNa");
}

TEST_CASE("a detached Conc may block as it likes") {
  Running corps({"env.threads=1", "limits.spare_threads=0"});
  Holder::Events events;
  auto plain = corps::create<Plain>(corps::here()).get();
  auto alone = corps::create<Alone>(corps::detached).get();
  auto waits = alone.call<&Alone::wait_in_get>(plain, handle(events));
  CHECK(events.entered.wait());
  for (int i = 1; i <= 100; ++i) CHECK(plain.call<&Plain::quick>().get() == i);
  CHECK(corps::sched::scheduler()->counts().blocked == 0);
  auto const late = error_of(alone.within(20ms).call<&Alone::thread>());
  CHECK(late.code == corps::Errc::timeout);
  CHECK(late.ran == corps::Ran::no);
  events.release.happen();
  CHECK(waits.get() == 102);
}

TEST_CASE("calls to a detached Conc keep their order") {
  Running corps({"env.threads=1"});
  auto alone = corps::create<Alone>(corps::detached).get();
  std::vector<corps::Future<int>> answers;
  for (int i = 0; i < 2000; ++i) {
    if (i % 100 == 0)
      CHECK(alone.call<&Alone::number>(i).get() == 1);  // it goes to sleep now and then
    else
      answers.push_back(alone.call<&Alone::number>(i));
  }
  for (auto& answer : answers) CHECK(answer.get() == 1);
}

TEST_CASE("the number of detached Concs is limited") {
  Running corps({"limits.detached_threads=2"});
  auto one = corps::create<Alone>(corps::detached).get();
  auto two = corps::create<Alone>(corps::detached.tagged(corps::Tag{"two"})).get();
  CHECK(two.call<&Alone::tag>().get() == "two");
  auto const error = error_of(corps::create<Alone>(corps::env(0).detached()));
  CHECK(error.code == corps::Errc::overloaded);
  CHECK(error.text.find("limits.detached_threads") != std::string::npos);
  corps::exit(one).get();
  auto three = corps::create<Alone>(corps::env(0).detached().tagged(corps::Tag{"three"})).get();
  CHECK(three.call<&Alone::tag>().get() == "three");
  corps::exit(two).get();
  corps::exit(three).get();
  auto both = corps::create<Alone>(corps::anywhere(2).detached()).get();
  CHECK(both[0].call<&Alone::thread>().get() != both[1].call<&Alone::thread>().get());
}

TEST_CASE("the thread of a detached Conc ends with it") {
  Event ended;
  Running corps({"env.threads=1"});
  for (int i = 0; i < 50; ++i) {
    auto alone = corps::create<Alone>(corps::detached, handle(ended)).get();
    auto const queued = alone.call<&Alone::thread>();
    corps::exit(alone).get();
    CHECK(error_of(alone.call<&Alone::thread>()).code == corps::Errc::worker_lost);
  }
  CHECK(ended.times() == 50);
  CHECK(corps::sched::own_threads()->count() == 0);
  auto const error = error_of(corps::create<Alone>(corps::detached, std::string{"no"}));
  CHECK(error.type == "std::invalid_argument");
  std::vector<corps::Name<Alone>> left;
  for (int i = 0; i < 3; ++i) left.push_back(corps::create<Alone>(corps::detached, handle(ended)).get());
  CHECK(corps.stop() == 0);
  CHECK(ended.times() == 53);
}

}  // namespace detached_test
