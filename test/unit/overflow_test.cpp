// Full mailboxes: who waits, in which order, for how long, and who is refused.

#include <array>
#include <memory>
#include <thread>
#include <utility>

#include "corps/detail/conc_id.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/slab.hpp"
#include "test/unit/runtime_kit.hpp"

namespace overflow_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;
using corps::mail::DeadLetter;

using Note = std::pair<int, int>;  // of whom, and its number
using Events = Holder::Events;

/// Writes down what comes; `hold` keeps what follows waiting.
class Box : public corps::Conc {
 public:
  void hold(std::uint64_t events) {
    auto& both = object_of<Events>(events);
    both.entered.happen();
    both.release.wait();
  }
  int note(int from, int number) {
    noted.emplace_back(from, number);
    return static_cast<int>(noted.size());
  }
  void take(std::string text) { bytes += text.size(); }
  std::vector<Note> noted;
  std::size_t bytes = 0;
};

class Refuser : public Box {
 public:
  static constexpr auto corps_overflow = corps::Overflow::refuse;
  static constexpr std::uint32_t corps_mailbox = 4;
};

// [overflow]
class Dropper : public Box {
 public:
  static constexpr auto corps_overflow = corps::Overflow::drop_oldest;
  static constexpr std::uint32_t corps_mailbox = 3;
};
// [/overflow]

class Sender : public corps::Conc {
 public:
  /// Ends when all are answered, and is told how many were made.
  corps::Task<int> call_many(corps::Name<Box> to, int from, int count, std::uint64_t sent) {
    std::vector<corps::Future<int>> open;
    for (int i = 0; i < count; ++i) open.push_back(to.call<&Box::note>(from, i));
    object_of<Event>(sent).happen();
    int answered = 0;
    for (auto& future : open) {
      (void)co_await future;
      ++answered;
    }
    co_return answered;
  }
  corps::Task<std::string> tell_many(corps::Name<Box> to, int from, int count, std::uint64_t sent) {
    for (int i = 0; i < count; ++i) {
      if (i % 3 == 2) {
        (void)to.call<&Box::note>(from, i);  // a call in between keeps its place
        continue;
      }
      auto told = to.tell<&Box::note>(from, i);
      object_of<Event>(sent).happen();
      try {
        co_await told;
      } catch (corps::Error const& error) {
        co_return std::string{corps::error_name(error.code())};
      }
    }
    co_return "told";
  }
  corps::Task<std::string> tell_within(corps::Name<Box> to, int ms) {
    try {
      co_await to.within(std::chrono::milliseconds{ms}).tell<&Box::note>(0, 0);
    } catch (corps::Error const& error) {
      co_return std::string{corps::error_name(error.code())} + (error.may_have_run() ? ", maybe run" : ", not run");
    }
    co_return "told";
  }
  int tell_carelessly(corps::Name<Box> to, int count) {
    for (int i = 0; i < count; ++i) to.tell<&Box::note>(0, i);
    return count;
  }
};

std::uint64_t dead(DeadLetter kind) { return corps::mail::dead_letters()[static_cast<std::size_t>(kind)]; }

std::size_t parked(corps::ConcAddr at) { return corps::mail::parked_at(*corps::mail::slab().place_of(at.conc)); }

/// A Box that is held up.
template <class C = Box>
class Held {
 public:
  Held() : Held(corps::create<C>(corps::here()).get()) {}
  explicit Held(corps::Name<C> box) : name(box), holding_(name.template call<&Box::hold>(handle(events_))) {
    REQUIRE(events_.entered.wait());
  }
  void let_go() {
    events_.release.happen();
    holding_.get();
  }
  std::vector<Note> release() {
    let_go();
    return notes();
  }
  std::vector<Note> notes() { return name.template get<&Box::noted>().get(); }
  corps::Name<C> const name;

 private:
  Events events_;
  corps::Future<void> holding_;
};

TEST_CASE("calls to a full mailbox wait for room, and nobody is overtaken") {
  Running corps({"limits.mailbox=4"});
  Held<> box;
  std::vector<corps::Future<int>> open;
  for (int i = 0; i < 100; ++i) open.push_back(box.name.call<&Box::note>(0, i));
  CHECK(parked(box.name.address()) == 96);
  (void)box.release();
  for (int i = 0; i < 100; ++i) REQUIRE(open[static_cast<std::size_t>(i)].get(patience) == i + 1);
  auto const noted = box.notes();
  for (int i = 0; i < 100; ++i) REQUIRE(noted[static_cast<std::size_t>(i)].second == i);
  CHECK(parked(box.name.address()) == 0);
}

TEST_CASE("senders that wait for room take turns, and each keeps its order") {
  Running corps({"limits.mailbox=4"});
  constexpr int senders = 4;
  constexpr int calls = 100;
  Held<> box;
  Event sent;
  std::vector<corps::Future<int>> done;
  for (int s = 0; s < senders; ++s) {
    auto sender = corps::create<Sender>(corps::here()).get();
    done.push_back(sender.call<&Sender::call_many>(box.name, s, calls, handle(sent)));
  }
  REQUIRE(sent.wait(senders));
  CHECK(parked(box.name.address()) == senders * calls - 4);
  (void)box.release();
  for (auto& each : done) CHECK(each.get(patience) == calls);
  auto const noted = box.notes();
  REQUIRE(noted.size() == senders * calls);
  std::array<int, senders> next{};
  for (auto const& [from, number] : noted) REQUIRE(number == next[static_cast<std::size_t>(from)]++);
  for (std::size_t i = 4; i < (calls - 4) * senders; i += senders) {  // as long as none of them has got through
    std::array<bool, senders> seen{};
    for (std::size_t j = i; j < i + senders; ++j) seen[static_cast<std::size_t>(noted[j].first)] = true;
    REQUIRE(seen == std::array<bool, senders>{true, true, true, true});
  }
}

TEST_CASE("many threads through a small mailbox: all is served, in the order of each") {
  Running corps({"limits.mailbox=3"});
  auto box = corps::create<Box>(corps::here()).get();
  constexpr int threads = 4;
  constexpr int calls = 2000;
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t)
    callers.emplace_back([&, t] {
      std::vector<corps::Future<int>> open;
      for (int i = 0; i < calls; ++i) {
        if (i % 4 == 3)
          box.tell<&Box::note>(t, i);
        else
          open.push_back(box.call<&Box::note>(t, i));
        if (open.size() < 50) continue;
        for (auto& future : open) (void)future.get(patience);
        open.clear();
      }
      for (auto& future : open) (void)future.get(patience);
    });
  for (auto& caller : callers) caller.join();
  auto const noted = box.get<&Box::noted>().get(patience);
  CHECK(noted.size() == threads * calls);
  std::array<int, threads> next{};
  bool in_order = true;
  for (auto const& [from, number] : noted) in_order = in_order && number == next[static_cast<std::size_t>(from)]++;
  CHECK(in_order);
  CHECK(parked(box.address()) == 0);
}

TEST_CASE("a class that refuses: Overloaded at once, and room again later") {
  Running corps;
  Held<Refuser> box;
  std::vector<corps::Future<int>> queued;
  for (int i = 0; i < 4; ++i) queued.push_back(box.name.call<&Box::note>(0, i));
  auto const error = error_of(box.name.call<&Box::note>(0, 4));
  CHECK(error.code == Errc::overloaded);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("room for 4 requests") != std::string::npos);
  CHECK(error.text.find("corps_mailbox") != std::string::npos);
  auto sender = corps::create<Sender>(corps::here()).get();
  CHECK(sender.call<&Sender::tell_within>(box.name, 10'000).get() == "Overloaded, not run");
  auto const refused = dead(DeadLetter::no_room);
  box.name.tell<&Box::note>(0, 5);  // a thread does not wait where it is refused
  CHECK(dead(DeadLetter::no_room) == refused + 1);
  box.let_go();
  for (auto& each : queued) CHECK(each.get(patience) > 0);
  CHECK(box.name.call<&Box::note>(0, 6).get() == 5);
}

TEST_CASE("a class that drops the oldest: it keeps the newest, and says so to the others") {
  Running corps;
  Held<Dropper> box;
  auto const refused = dead(DeadLetter::no_room);
  std::vector<corps::Future<int>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(box.name.call<&Box::note>(0, i));
  for (std::size_t i = 0; i < 2; ++i) {
    auto const error = error_of(std::move(calls[i]));
    CHECK(error.code == Errc::overloaded);
    CHECK(error.ran == Ran::no);
    CHECK(error.text.find("oldest") != std::string::npos);
  }
  auto sender = corps::create<Sender>(corps::here()).get();
  CHECK(sender.call<&Sender::tell_carelessly>(box.name, 10).get() == 10);  // drops the three calls, and seven of its own
  for (std::size_t i = 2; i < 5; ++i) CHECK(error_of(std::move(calls[i])).code == Errc::overloaded);
  CHECK(dead(DeadLetter::no_room) == refused + 7);
  auto last = box.name.call<&Box::note>(1, 0);
  CHECK(dead(DeadLetter::no_room) == refused + 8);
  box.let_go();
  CHECK(last.get(patience) == 3);
  CHECK(box.notes() == std::vector<Note>{{0, 8}, {0, 9}, {1, 0}});
}

TEST_CASE("a class that drops the oldest serves whatever comes when it is idle") {
  Running corps;
  auto box = corps::create<Dropper>(corps::here()).get();
  for (int i = 0; i < 1000; ++i) REQUIRE(box.call<&Box::note>(0, i).get(patience) == i + 1);
}

TEST_CASE("a call whose deadline passes while it waits for room is taken out, and surely not run") {
  Running corps({"limits.mailbox=1"});
  Held<> box;
  auto queued = box.name.call<&Box::note>(0, 0);
  auto const error = error_of(box.name.within(5ms).call<&Box::note>(0, 1));
  CHECK(error.code == Errc::timeout);
  CHECK(error.ran == Ran::no);
  CHECK(parked(box.name.address()) == 0);
  auto sender = corps::create<Sender>(corps::here()).get();
  CHECK(sender.call<&Sender::tell_within>(box.name, 5).get(patience) == "Overloaded, not run");
  CHECK(parked(box.name.address()) == 0);
  (void)box.release();
  CHECK(queued.get() == 1);
  CHECK(box.name.call<&Box::note>(0, 2).get() == 2);
}

TEST_CASE("a call that is cancelled while it waits for room is taken out, and surely not run") {
  Running corps({"limits.mailbox=1", "limits.open_calls_per_worker=4"});
  Held<> box;
  auto queued = box.name.call<&Box::note>(0, 0);
  for (int i = 0; i < 10; ++i) {  // it does not stay open either
    auto call = box.name.call<&Box::note>(0, 1);
    CHECK(parked(box.name.address()) == 1);
    call.cancel();
    CHECK(parked(box.name.address()) == 0);
    auto const error = error_of(std::move(call));
    CHECK(error.code == Errc::cancelled);
    CHECK(error.ran == Ran::no);
  }
  CHECK(box.release().size() == 1);
  CHECK(queued.get() == 1);
}

TEST_CASE("a sender that ends takes back what waits for room") {
  Running corps({"limits.mailbox=1"});
  Held<> box;
  auto queued = box.name.call<&Box::note>(0, 0);
  auto caller = corps::create<Sender>(corps::here()).get();
  auto teller = corps::create<Sender>(corps::here()).get();
  Event sent;
  auto calls = caller.call<&Sender::call_many>(box.name, 1, 10, handle(sent));
  auto tells = teller.call<&Sender::tell_many>(box.name, 2, 1, handle(sent));
  REQUIRE(sent.wait(2));
  auto const until = std::chrono::steady_clock::now() + patience;
  while (parked(box.name.address()) < 11 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(parked(box.name.address()) == 11);
  auto const refused = dead(DeadLetter::no_room);
  corps::exit(caller);
  corps::exit(teller);
  CHECK(error_of(std::move(calls)).code == Errc::worker_lost);
  CHECK(error_of(std::move(tells)).code == Errc::worker_lost);
  CHECK(error_of(caller.call<&Sender::tell_carelessly>(box.name, 0)).code == Errc::worker_lost);  // so they are gone
  CHECK(error_of(teller.call<&Sender::tell_carelessly>(box.name, 0)).code == Errc::worker_lost);
  CHECK(parked(box.name.address()) == 0);
  CHECK(dead(DeadLetter::no_room) == refused + 1);
  CHECK(box.release().size() == 1);
  CHECK(queued.get() == 1);
}

TEST_CASE("a target that ends loses those that wait for room: surely not run") {
  Running corps({"limits.mailbox=1"});
  Held<> box;
  auto queued = box.name.call<&Box::note>(0, 0);
  auto parked_call = box.name.call<&Box::note>(0, 1);
  auto teller = corps::create<Sender>(corps::here()).get();
  Event sent;
  auto told = teller.call<&Sender::tell_many>(box.name, 2, 1, handle(sent));
  REQUIRE(sent.wait());
  auto const until = std::chrono::steady_clock::now() + patience;
  while (parked(box.name.address()) < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  corps::exit(box.name);
  CHECK_THROWS_AS((void)box.release(), corps::WorkerLost);
  auto const error = error_of(std::move(parked_call));
  CHECK(error.code == Errc::worker_lost);
  CHECK(error.ran == Ran::no);
  CHECK(error_of(std::move(queued)).ran == Ran::no);
  CHECK(told.get(patience) == "WorkerLost");
}

TEST_CASE("an awaited tell waits its turn; one that is not awaited is refused and counted") {
  Running corps({"limits.mailbox=2"});
  Held<> box;
  auto sender = corps::create<Sender>(corps::here()).get();
  auto careless = corps::create<Sender>(corps::here()).get();
  auto const refused = dead(DeadLetter::no_room);
  CHECK(careless.call<&Sender::tell_carelessly>(box.name, 10).get() == 10);
  CHECK(dead(DeadLetter::no_room) == refused + 8);
  Event sent;
  auto told = sender.call<&Sender::tell_many>(box.name, 1, 100, handle(sent));
  REQUIRE(sent.wait());
  (void)box.release();
  CHECK(told.get(patience) == "told");
  CHECK(box.name.call<&Box::note>(9, 9).get(patience) == 103);
  auto const noted = box.notes();
  for (int i = 0; i < 100; ++i) REQUIRE(noted[static_cast<std::size_t>(i) + 2] == Note{1, i});
  CHECK(dead(DeadLetter::no_room) == refused + 8);
  corps::exit(box.name);
  CHECK(error_of(box.name.call<&Box::note>(0, 0)).code == Errc::worker_lost);
  CHECK(sender.call<&Sender::tell_within>(box.name, 1000).get() == "WorkerLost, not run");
  auto const lost = dead(DeadLetter::no_worker);
  CHECK(sender.call<&Sender::tell_carelessly>(box.name, 3).get() == 3);
  box.name.tell<&Box::note>(0, 0);
  CHECK(dead(DeadLetter::no_worker) == lost + 4);
}

TEST_CASE("a plain thread that tells waits for room, up to its limit") {
  Running corps({"limits.mailbox=2"});
  Held<> box;
  auto const refused = dead(DeadLetter::no_room);
  box.name.tell<&Box::note>(0, 0);
  box.name.tell<&Box::note>(0, 1);
  box.name.within(5ms).tell<&Box::note>(0, 2);
  CHECK(dead(DeadLetter::no_room) == refused + 1);
  Event through;
  std::thread teller{[&] {
    for (int i = 0; i < 50; ++i) box.name.tell<&Box::note>(1, i);
    through.happen();
  }};
  auto const until = std::chrono::steady_clock::now() + patience;
  while (parked(box.name.address()) == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(through.times() == 0);
  (void)box.release();
  REQUIRE(through.wait());
  teller.join();
  CHECK(box.name.call<&Box::note>(9, 9).get(patience) == 53);
  CHECK(dead(DeadLetter::no_room) == refused + 1);
}

TEST_CASE("large arguments take more room, and one that is larger than all of it goes alone") {
  Running corps({"limits.mailbox=1000", "limits.mailbox_bytes=\"64KiB\""});
  Held<> box;
  auto first = box.name.call<&Box::take>(std::string(100'000, 'x'));  // the mailbox is empty, so it goes
  CHECK(parked(box.name.address()) == 0);
  auto second = box.name.call<&Box::take>(std::string(10, 'x'));
  CHECK(parked(box.name.address()) == 1);
  (void)box.release();
  first.get();
  second.get();
  Held<> other;
  std::vector<corps::Future<void>> calls;
  while (parked(other.name.address()) == 0) calls.push_back(other.name.call<&Box::take>(std::string(10'000, 'x')));
  CHECK(calls.size() >= 5);
  CHECK(calls.size() <= 7);
  (void)other.release();
  for (auto& call : calls) call.get();
}

TEST_CASE("a call that has come too late is a dead letter") {
  Running corps;
  auto const late = dead(DeadLetter::late_answer);
  auto const old = dead(DeadLetter::too_old);
  auto box = corps::create<Box>(corps::here()).get();
  Events events;
  auto held = box.within(20ms).call<&Box::hold>(handle(events));
  REQUIRE(events.entered.wait());
  box.within(1ms).tell<&Box::note>(0, 0);
  CHECK(error_of(std::move(held)).code == Errc::timeout);
  events.release.happen();
  CHECK(box.call<&Box::note>(0, 1).get() == 1);  // its answer comes after the late one
  CHECK(dead(DeadLetter::late_answer) == late + 1);
  CHECK(dead(DeadLetter::too_old) == old + 1);
}

/// On a thread of its own, which keeps the place for nobody.
corps::Name<Box> ended_box() {
  auto box = corps::create<Box>(corps::detached).get();
  corps::exit(box).get();
  return box;
}

/// A new Worker where that one lived.
template <class C>
corps::Name<C> next_at_place_of(corps::Name<Box> const& ended) {
  auto const place = corps::detail::split(ended.address().conc).slot;
  auto const until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto next = corps::create<C>(corps::here()).get();
    if (corps::detail::split(next.address().conc).slot == place) return next;
    REQUIRE(std::chrono::steady_clock::now() < until);
  }
}

TEST_CASE("what is sent to an ended Worker is lost at once, and takes no room of the next one at its place") {
  Running corps({"limits.mailbox=4"});
  auto const ended = ended_box();
  Held<> box{next_at_place_of<Box>(ended)};
  auto sender = corps::create<Sender>(corps::here()).get();
  auto const lost = dead(DeadLetter::no_worker);
  auto const refused = dead(DeadLetter::no_room);
  for (auto const& stale : {ended, corps::Name<Box>{ended.address()}}) {  // with the hint of the Name, and without
    CHECK(sender.call<&Sender::tell_carelessly>(stale, 10).get() == 10);
    for (int i = 0; i < 10; ++i) stale.tell<&Box::note>(0, i);  // a plain thread would wait for room
    for (int i = 0; i < 10; ++i) stale.within(1h).tell<&Box::note>(0, i);
    CHECK(sender.call<&Sender::tell_within>(stale, 10'000).get() == "WorkerLost, not run");
    CHECK(error_of(stale.call<&Box::note>(0, 0)).code == Errc::worker_lost);
  }
  CHECK(dead(DeadLetter::no_worker) == lost + 60);
  std::vector<corps::Future<int>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(box.name.call<&Box::note>(1, i));
  CHECK(parked(box.name.address()) == 0);
  calls.push_back(box.name.call<&Box::note>(1, 4));
  CHECK(parked(box.name.address()) == 1);
  for (auto const& stale : {ended, corps::Name<Box>{ended.address()}}) {  // and does not wait for what is not there for it
    CHECK(sender.call<&Sender::tell_within>(stale, 10'000).get() == "WorkerLost, not run");
    stale.tell<&Box::note>(0, 0);
  }
  CHECK(parked(box.name.address()) == 1);
  CHECK(dead(DeadLetter::no_worker) == lost + 62);
  CHECK(dead(DeadLetter::no_room) == refused);
  CHECK(box.release().size() == 5);
  for (auto& call : calls) CHECK(call.get() > 0);
}

TEST_CASE("what is sent to an ended Worker drops nothing of the next one at its place") {
  Running corps;
  auto const ended = ended_box();
  Held<Dropper> box{next_at_place_of<Dropper>(ended)};
  std::vector<corps::Future<int>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(box.name.call<&Box::note>(1, i));
  auto sender = corps::create<Sender>(corps::here()).get();
  CHECK(sender.call<&Sender::tell_carelessly>(ended, 10).get() == 10);
  CHECK(sender.call<&Sender::tell_within>(ended, 10'000).get() == "WorkerLost, not run");
  ended.tell<&Box::note>(0, 0);
  box.let_go();
  for (auto& call : calls) CHECK(call.get() > 0);
  CHECK(box.notes().size() == 3);
}

TEST_CASE("a flood of tells: what was accepted has run, the rest was refused and counted") {
  Running corps({"limits.mailbox=1000"});
  Held<> box;
  auto sender = corps::create<Sender>(corps::here()).get();
  auto const refused = dead(DeadLetter::no_room);
  CHECK(sender.call<&Sender::tell_carelessly>(box.name, 100'000).get(patience) == 100'000);
  CHECK(dead(DeadLetter::no_room) == refused + 99'000);
  auto quick = corps::create<Box>(corps::here()).get();
  CHECK(quick.call<&Box::note>(0, 0).get(patience) == 1);  // others are served meanwhile
  CHECK(box.release().size() == 1000);
}

}  // namespace overflow_test
