// The lanes, and the threads that run Workers: nobody starves, nobody is forgotten, and idle threads sleep.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "corps/detail/cell.hpp"
#include "env/host/internal/pause.hpp"
#include "env/mail/internal/headcount.hpp"
#include "env/mail/internal/park.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/sched/internal/lanes.hpp"
#include "env/sched/internal/scheduler.hpp"
#include "test/unit/runtime_kit.hpp"

namespace scheduler_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

std::chrono::nanoseconds cpu_used() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto const ns = [](timeval const& time) { return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec); };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

struct Started {
  Event event;
  std::atomic<steady_clock::rep> at{0};
};

class Other : public corps::Conc {
 public:
  void start(std::uint64_t where) {
    auto& started = object_of<Started>(where);
    started.at = steady_clock::now().time_since_epoch().count();
    started.event.happen();
  }
};

class Busy : public corps::Conc {
 public:
  /// Tells others, then computes until they have all begun; or too long: false.
  bool tell_and_compute(std::vector<corps::Name<Other>> others, std::uint64_t where) {
    auto& started = object_of<Started>(where);
    auto const begin = steady_clock::now();
    for (auto const& other : others) other.tell<&Other::start>(where);
    while (steady_clock::now() < begin + 5s) {
      if (started.event.times() == static_cast<int>(others.size())) return true;
    }
    return false;
  }
};

TEST_CASE("what a Conc sends before it computes for long begins on an idle thread") {
  Running corps;
  auto busy = corps::create<Busy>(corps::here()).get();
  std::vector<corps::Name<Other>> others;
  for (int count = 1; count <= 3; ++count) {
    others.push_back(corps::create<Other>(corps::here()).get());
    CAPTURE(count);
    for (int round = 0; round < 9; ++round) {
      Started started;
      CHECK(busy.call<&Busy::tell_and_compute>(others, handle(started)).get());  // how soon is for the benchmarks to say
      REQUIRE(started.event.wait(count));
    }
  }
}

class Pong : public corps::Conc {
 public:
  int pong(int n) { return n + 1; }
};

/// Two that keep each other, and so a thread, busy until told to stop.
class Ping : public corps::Conc {
 public:
  corps::Task<> play(corps::Name<Pong> pong, std::uint64_t flag) {
    auto& go_on = object_of<std::atomic<bool>>(flag);
    int n = 0;
    while (go_on) n = co_await pong.call<&Pong::pong>(n);
  }
};

TEST_CASE("Workers that keep all threads busy do not starve a newcomer") {
  Running corps;
  std::atomic<bool> go_on{true};
  std::vector<corps::Future<void>> games;
  for (int i = 0; i < 4; ++i) {
    auto pong = corps::create<Pong>(corps::here()).get();
    games.push_back(corps::create<Ping>(corps::here()).get().call<&Ping::play>(pong, handle(go_on)));
  }
  auto late = corps::create<Pong>(corps::here()).get();
  for (int i = 0; i < 100; ++i) CHECK(late.call<&Pong::pong>(i).get(patience) == i + 1);
  go_on = false;
  for (auto& game : games) game.get();
}

TEST_CASE("what queues behind a thread that is stuck is run by threads that are never idle") {
  Running corps;
  std::atomic<bool> go_on{true};
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));  // one of two threads
  REQUIRE(events.entered.wait());
  auto pong = corps::create<Pong>(corps::here()).get();
  auto game = corps::create<Ping>(corps::here()).get().call<&Ping::play>(pong, handle(go_on));  // the other
  for (int i = 0; i < 10; ++i) CHECK(corps::create<Pong>(corps::here()).get().call<&Pong::pong>(i).get(patience) == i + 1);
  go_on = false;
  game.get();
  events.release.happen();
  CHECK(held.get() == 1);
}

TEST_CASE("an idle Corps uses no processor time") {
  Running corps;
  auto pong = corps::create<Pong>(corps::here()).get();
  std::atomic<bool> go_on{false};
  corps::create<Ping>(corps::here()).get().call<&Ping::play>(pong, handle(go_on)).get();
  for (int i = 0; i < 1000; ++i) (void)pong.call<&Pong::pong>(i).get();
  Event never;
  CHECK_FALSE(never.wait(1, 100ms));  // whoever still looks around comes to rest
  auto const before = cpu_used();
  CHECK_FALSE(never.wait(1, 300ms));
  CHECK(cpu_used() - before < 15ms);
}

/// Keeps a thread as Holder does, and says so.
class Blocks : public corps::Conc {
 public:
  int hold(std::uint64_t events) {
    auto& both = object_of<Holder::Events>(events);
    return corps::blocking([&] {
      both.entered.happen();
      return both.release.wait() ? 1 : 0;
    });
  }
};

/// A job that the lanes carry; they never look into it.
struct Parcel final : caf::resumable {
  resume_result resume(caf::execution_unit*, std::size_t) override { return done; }
  void intrusive_ptr_add_ref_impl() override {}
  void intrusive_ptr_release_impl() override {}
  std::atomic<int> delivered{0};
};

TEST_CASE("the slot runs next, then the queue in order; a long streak lets the queue have a turn") {
  corps::sched::Lanes lanes{1};
  lanes.set_primary(1);
  auto& lane = lanes[0];
  std::vector<std::unique_ptr<Parcel>> parcels;
  for (int i = 0; i < 4; ++i) parcels.push_back(std::make_unique<Parcel>());
  auto const pop = [&] { return lanes.pop(lane, [] { return true; }); };
  CHECK(pop() == nullptr);
  lanes.push(lane, parcels[0].get());
  lanes.push(lane, parcels[1].get());
  lanes.push_next(lane, parcels[2].get());
  lanes.push_next(lane, parcels[3].get());  // displaces 2
  CHECK(pop() == parcels[3].get());
  CHECK(pop() == parcels[0].get());
  CHECK(pop() == parcels[1].get());
  CHECK(pop() == parcels[2].get());
  lanes.push(lane, parcels[0].get());
  int streak = 0;
  do {
    lanes.push_next(lane, parcels[1].get());
    ++streak;
  } while (pop() == parcels[1].get() && streak < 1000);
  CHECK(streak < 100);
}

TEST_CASE("what was found in the slow way begins with a clock of now") {
  corps::sched::Lanes lanes{1};
  lanes.set_primary(1);
  Parcel parcel;
  (void)corps::detail::recent_now_ns();
  std::int64_t end_ns = 0;
  auto* const found = lanes.pop(lanes[0], [&] {
    end_ns = corps::detail::now_ns() + 2'000'000;  // as one that waits for a lock
    while (corps::detail::now_ns() < end_ns) corps::host::pause();
    lanes.push_foreign(lanes[0], &parcel);
    return false;
  });
  CHECK(found == &parcel);
  CHECK(corps::detail::last_recent_now_ns() >= end_ns - 1'000'000);
}

TEST_CASE("of threads that are never without work none has much more to do than another") {
  constexpr std::size_t jobs = 41;
  corps::sched::Lanes lanes{2};
  lanes.set_primary(2);
  std::vector<std::unique_ptr<Parcel>> parcels;
  for (std::size_t i = 0; i < jobs; ++i) parcels.push_back(std::make_unique<Parcel>());
  auto const pop = [&](std::size_t t) { return lanes.pop(lanes[t], [] { return true; }); };
  for (std::size_t t = 0; t < 2; ++t) CHECK(pop(t) == nullptr);  // else they seem to be stuck
  for (auto& parcel : parcels) lanes.push(lanes[parcel == parcels.back() ? 1 : 0], parcel.get());
  for (int turn = 0; turn < 20'000; ++turn)
    for (std::size_t t = 0; t < 2; ++t) {
      auto* const job = pop(t);
      REQUIRE(job != nullptr);
      ++static_cast<Parcel&>(*job).delivered;
      lanes.push_again(lanes[t], job);
    }
  CHECK(lanes[0].queue.count() < 2 * jobs / 3);
  CHECK(lanes[1].queue.count() < 2 * jobs / 3);
  for (auto& parcel : parcels) CHECK(parcel->delivered < 3'000);  // 976 in the mean
}

/// Whatever is taken alone counts as short, and the next ones stay where they are.
constexpr corps::sched::Lanes::Patience all_turns_are_short{.short_turn_ns = corps::detail::never_ns,
                                                            .keep_ns = corps::detail::never_ns / 2};

TEST_CASE("where a job that was taken alone had a short turn, the last one in a queue is left to its own thread") {
  corps::sched::Lanes lanes{2, all_turns_are_short};
  lanes.set_primary(2);
  lanes.close();  // nobody sleeps
  auto const look_for_work = [&](std::size_t t) {
    int looks = 0;
    return lanes.pop(lanes[t], [&] { return ++looks == 2; });
  };
  for (std::size_t t = 0; t < 2; ++t) CHECK(look_for_work(t) == nullptr);
  Parcel first;
  Parcel second;
  lanes.push(lanes[0], &first);
  CHECK(look_for_work(1) == &first);
  CHECK(look_for_work(1) == nullptr);  // it has ended
  lanes.push(lanes[0], &first);
  CHECK(look_for_work(1) == nullptr);
  lanes.push(lanes[0], &second);
  CHECK(look_for_work(1) == &first);  // of two
  CHECK(look_for_work(1) == nullptr);
  CHECK(look_for_work(0) == &second);
  lanes.push(lanes[0], &first);
  lanes.give_away(lanes[0]);  // its thread will block
  CHECK(look_for_work(1) == &first);
  CHECK(look_for_work(1) == nullptr);
  lanes.push_foreign(lanes[0], &first);  // whose thread may sleep
  CHECK(look_for_work(1) == &first);
}

TEST_CASE("what is left to a thread that is stuck is taken after a while") {
  corps::sched::Lanes lanes{2, all_turns_are_short};
  lanes.set_primary(2);
  (void)lanes.pop(lanes[0], [] { return true; });
  Parcel parcel;
  std::atomic<bool> stop{false};
  Event taken;
  std::thread idler{[&] {
    while (lanes.pop(lanes[1], [&] { return stop.load(); }) != nullptr) taken.happen();
  }};
  for (int i = 1; i <= 100; ++i) {
    lanes.push(lanes[0], &parcel);
    REQUIRE(taken.wait(i));
  }
  stop = true;
  lanes.close();
  idler.join();
}

void lose_no_job(corps::sched::Lanes::Patience const& patience_of_lanes) {
  constexpr int jobs = 64;
  constexpr int rounds = 3000;
  constexpr std::size_t threads = 3;
  corps::sched::Lanes lanes{threads, patience_of_lanes};
  lanes.set_primary(threads);
  std::vector<std::unique_ptr<Parcel>> parcels;
  for (int i = 0; i < jobs; ++i) parcels.push_back(std::make_unique<Parcel>());
  std::atomic<int> delivered{0};
  std::atomic<bool> stop{false};
  Event all;
  std::vector<std::thread> runners;
  for (std::size_t t = 0; t < threads; ++t)
    runners.emplace_back([&, t] {
      auto& lane = lanes[t];
      unsigned seed = static_cast<unsigned>(t);
      while (auto* const job = lanes.pop(lane, [&] { return stop.load(); })) {
        auto& parcel = static_cast<Parcel&>(*job);
        if (delivered.fetch_add(1) + 1 == jobs * rounds) all.happen();
        if (++parcel.delivered == rounds) continue;
        seed = seed * 1664525U + 1013904223U;
        if ((seed >> 16U) % 3 == 0)
          lanes.push(lane, &parcel);
        else
          lanes.push_next(lane, &parcel);
      }
    });
  for (auto& parcel : parcels) lanes.push_anywhere(parcel.get());
  CHECK(all.wait());
  stop = true;
  lanes.close();
  for (auto& runner : runners) runner.join();
  for (auto& parcel : parcels) CHECK(parcel->delivered == rounds);
}

TEST_CASE("no job is lost between threads that push, sleep, watch and steal") {
  lose_no_job({});
  lose_no_job(all_turns_are_short);
}

/// Where a job comes each time that somebody is there.
struct Yard final : corps::sched::Outside {
  Yard(corps::sched::Lanes& of_all, caf::resumable& that_comes) : lanes(of_all), job(that_comes) {}
  bool enter() noexcept override { return !is_elsewhere; }
  void expect() noexcept override { ++expected; }
  void sleep() noexcept override {}
  void look() noexcept override { ++looks; }
  void interrupt() noexcept override {}
  void serve_and_leave() noexcept override { lanes.push_foreign(lanes[0], &job); }
  void hand_over() noexcept override {}

  corps::sched::Lanes& lanes;
  caf::resumable& job;
  bool is_elsewhere = false;
  int looks = 0;
  int expected = 0;
};

TEST_CASE("a thread that is never without work looks outside every now and then, and otherwise asks to be let in") {
  constexpr std::int64_t visit_ns = 1'000'000;
  corps::sched::Lanes lanes{1, {.visit_ns = visit_ns}};
  lanes.set_primary(1);
  Parcel own;
  Parcel from_outside;
  auto const yard = std::make_shared<Yard>(lanes, from_outside);
  lanes.set_outside(yard);
  auto const pop = [&] { return lanes.pop(lanes[0], [] { return false; }); };
  CHECK(pop() == &from_outside);  // it slept there
  CHECK(yard->looks == 0);
  auto const work = [&] {
    auto const begin_ns = corps::detail::now_ns();
    while (corps::detail::recent_now_ns() <= begin_ns + visit_ns) corps::host::pause();
    lanes.push(lanes[0], &own);
    return pop();
  };
  CHECK(work() == &own);
  CHECK(yard->looks == 1);
  CHECK(pop() == &from_outside);
  yard->is_elsewhere = true;
  CHECK(work() == &own);
  CHECK(yard->looks == 1);
  CHECK(yard->expected == 1);
}

TEST_CASE("a job from outside is found by the thread that is woken for it, or by another") {
  constexpr int rounds = 500;
  corps::sched::Lanes lanes{2};
  lanes.set_primary(2);
  Parcel parcel;
  std::atomic<bool> stop{false};
  Event taken;
  std::vector<std::thread> runners;
  for (std::size_t t = 0; t < 2; ++t)
    runners.emplace_back([&, t] {
      while (lanes.pop(lanes[t], [&] { return stop.load(); }) != nullptr) taken.happen();
    });
  bool all = true;
  for (int i = 1; i <= rounds && all; ++i) {
    lanes.push_anywhere(&parcel);
    all = taken.wait(i);
  }
  CHECK(all);
  stop = true;
  lanes.close();
  for (auto& runner : runners) runner.join();
}

TEST_CASE("a lane with a limit to its sleep looks whether to retire") {
  corps::sched::Lanes lanes{2};
  lanes.set_primary(1);
  lanes.set_used(2);
  lanes[1].sleep_max = 2ms;
  int asked = 0;
  CHECK(lanes.pop(lanes[1], [&] { return ++asked == 5; }) == nullptr);
  CHECK(asked == 5);
}

std::vector<std::string> thread_names() {
  std::vector<std::string> names;
  for (auto const& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream comm{task.path() / "comm"};
    std::string name;
    if (std::getline(comm, name)) names.push_back(name);  // else the thread has just ended
  }
  return names;
}

TEST_CASE("each thread of an Env says by its name what it is for") {
  Running corps;
  Holder::Events first;
  Holder::Events second;  // two Workers at once: both threads are up
  auto one = corps::create<Holder>(corps::here()).get().call<&Holder::hold>(handle(first));
  auto two = corps::create<Holder>(corps::here()).get().call<&Holder::hold>(handle(second));
  REQUIRE(first.entered.wait());
  REQUIRE(second.entered.wait());
  for (std::string const wanted : {"corps worker 0", "corps worker 1", "corps io"}) {
    CAPTURE(wanted);
    auto const deadline = steady_clock::now() + patience;
    std::ptrdiff_t found = 0;
    do {  // a thread that has just begun names itself
      found = std::ranges::count(thread_names(), wanted);
    } while (found == 0 && steady_clock::now() < deadline);
    CHECK(found == 1);
  }
  first.release.happen();
  second.release.happen();
  CHECK(one.get() + two.get() == 2);
}

TEST_CASE("spare threads that nobody needs any more end by themselves") {
  constexpr int count = 4;
  Running corps;
  Holder::Events events;
  std::vector<corps::Future<int>> held;
  auto const counts = [] { return corps::sched::scheduler()->counts(); };
  for (int i = 0; i < count; ++i) held.push_back(corps::create<Blocks>(corps::here()).get().call<&Blocks::hold>(handle(events)));
  REQUIRE(events.entered.wait(count));
  CHECK(counts().spare == count);
  for (int i = 0; i < count; ++i) events.release.happen();
  for (auto& each : held) CHECK(each.get() == 1);
  Event never;
  for (int i = 0; i < 1000 && counts().spare != 0; ++i) CHECK_FALSE(never.wait(1, 10ms));
  CHECK(counts().spare == 0);
  CHECK(counts().blocked == 0);
}

TEST_CASE("the watcher goes to sleep when nothing is in the slots") {
  corps::sched::Lanes lanes{2};
  lanes.set_primary(2);
  Parcel parcel;
  std::atomic<bool> stop{false};
  Event taken;
  std::thread idler{[&] {
    while (lanes.pop(lanes[1], [&] { return stop.load(); }) != nullptr) taken.happen();
  }};
  (void)lanes.pop(lanes[0], [] { return true; });
  for (int i = 1; i <= 5; ++i) {
    lanes.push_next(lanes[0], &parcel);  // this thread does not take it: it is stuck
    CHECK(taken.wait(i));
  }
  Event never;
  CHECK_FALSE(never.wait(1, 50ms));
  auto const before = cpu_used();
  CHECK_FALSE(never.wait(1, 200ms));
  CHECK(cpu_used() - before < 10ms);
  stop = true;
  lanes.close();
  idler.join();
}

// --- the slab and the mailbox ----------------------------------------------------------------------------------------

TEST_CASE("a place in the slab never gives the same id twice, and an id leads to its place") {
  auto& slab = corps::mail::slab();
  auto& cell = slab.allocate(corps::ConcId::none);
  auto const id = cell.id.load();
  CHECK(slab.place_of(id) == &cell);
  slab.release(cell);
  CHECK(cell.id.load() == corps::ConcId::none);
  CHECK(slab.place_of(id) == &cell);  // memory of a cell always is a cell
  auto& again = slab.allocate(corps::ConcId::none);
  CHECK(again.id.load() != id);
  slab.release(again);
  CHECK(slab.place_of(corps::ConcId{0x00ff'ffff}) == nullptr);
}

TEST_CASE("the places that a thread kept are for others when it has ended") {
  auto& slab = corps::mail::slab();
  std::uint32_t place = 0;
  std::thread{[&] {
    auto& cell = slab.allocate(corps::ConcId::none);
    place = corps::detail::split(cell.id.load()).slot;
    slab.release(cell);
  }}.join();
  std::vector<corps::detail::Cell*> cells;
  auto const found = [&] { return !cells.empty() && cells.back() == slab.place_of(corps::detail::join({0, 0, place})); };
  while (!found() && cells.size() < 1'000) cells.push_back(&slab.allocate(corps::ConcId::none));
  CHECK(found());
  for (auto* cell : cells) slab.release(*cell);  // more than this thread keeps
}

TEST_CASE("who ends last sees that nobody is there, and no one else") {
  static corps::mail::Headcount count;  // not on a stack that the address sanitizer lays out, which forgets its alignment
  constexpr int each = 1'000;
  std::atomic<int> last{0};
  for (int i = 0; i < 2 * each; ++i) count.one_began();
  auto const end = [&] {
    for (int i = 0; i < each; ++i) {
      count.one_ended();
      if (count.none()) ++last;
    }
  };
  std::thread other{end};
  end();
  other.join();
  CHECK(count.none());
  CHECK(last >= 1);
  CHECK(last <= 2);  // both, if they end at once
}

struct Letter final : corps::detail::Envelope {
  Letter() : Envelope(corps::detail::EnvelopeKind::control) {}
  void arrive(corps::detail::Cell&) override {}
  void undeliverable() noexcept override {}
  int from = 0;
  int number = 0;
};

TEST_CASE("a mailbox keeps the order of each sender, and wakes the thread that sleeps at it") {
  auto& slab = corps::mail::slab();
  auto& cell = slab.allocate(corps::ConcId::none);
  CHECK_FALSE(cell.push(std::make_unique<Letter>().get()));  // closed
  cell.inbox.store(corps::detail::MailboxHead::awake().word());
  constexpr int senders = 4;
  constexpr int letters = 20'000;
  std::vector<std::unique_ptr<Letter[]>> sent;                                            // NOLINT: letters do not move
  for (int s = 0; s < senders; ++s) sent.push_back(std::make_unique<Letter[]>(letters));  // NOLINT
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (int i = 0; i < letters; ++i) {
        auto& letter = sent[static_cast<std::size_t>(s)][static_cast<std::size_t>(i)];
        letter.from = s;
        letter.number = i;
        if (!cell.push(&letter)) return;
        if (i % 1000 == 0) std::this_thread::yield();
      }
    });
  std::vector<int> next(senders, 0);
  int received = 0;
  auto const until = corps::detail::now_ns() + std::chrono::nanoseconds(patience).count();
  bool in_order = true;
  while (received < senders * letters && corps::detail::now_ns() < until) {
    auto* const envelope = cell.take_arrived();
    if (envelope == nullptr) {
      corps::mail::park(cell, until);
      continue;
    }
    auto const& letter = static_cast<Letter&>(*envelope);
    in_order = in_order && letter.number == next[static_cast<std::size_t>(letter.from)]++;
    ++received;
  }
  for (auto& thread : threads) thread.join();
  CHECK(received == senders * letters);
  CHECK(in_order);
  auto const before = corps::detail::now_ns();
  corps::mail::park(cell, before + 3'000'000);  // nothing comes: it ends at the time given
  CHECK(corps::detail::now_ns() >= before + 3'000'000);
  cell.inbox.store(corps::detail::MailboxHead::closed().word());
  slab.release(cell);
}

}  // namespace scheduler_test
