// Watches, timers, streams, full mailboxes and circles, one by one, at every moment that the seeds come upon.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mail/internal/watchers.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace twin_parts_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using namespace twin_kit;
using corps::EndedHow;
using corps::Ending;
using corps::Errc;
using corps::Future;
using corps::Name;
using corps::Stream;
using corps::Task;
using corps::mail::DeadLetter;

TwinOptions const turns_take_time{.settings = {}, .turn_takes_max = 20us};

int ms_of(Twin& twin, std::uint64_t bound) { return static_cast<int>(twin.random(bound)); }

// --- watch -------------------------------------------------------------------------------------------------------

class Mortal : public corps::Conc {
 public:
  Task<> sleeps() { co_await corps::sleep_for(2ms); }
};

class Watcher : public corps::Conc {
 public:
  Task<int> see(Name<Mortal> mortal, int after_us, std::uint64_t seen) {
    if (after_us > 1'000) co_await corps::sleep_for(std::chrono::microseconds{after_us});
    auto ending = corps::watch(mortal);
    auto const end = co_await ending;
    ++object_of<std::array<int, 8>>(seen)[static_cast<std::size_t>(end.how)];
    co_return static_cast<int>(end.how);
  }
};

TEST_CASE("an end is noticed once by each who watches, whenever it began to") {
  for_seeds(30, turns_take_time, [](Twin& twin) {
    auto mortal = corps::create<Mortal>(corps::here()).get();
    std::array<int, 8> seen{};
    std::vector<Future<int>> all;
    std::vector<Name<Watcher>> watchers;
    for (int i = 0; i < 5; ++i) {
      watchers.push_back(corps::create<Watcher>(corps::here()).get());
      all.push_back(watchers.back().call<&Watcher::see>(mortal, ms_of(twin, 6'000), handle(seen)));
    }
    auto own = corps::watch(mortal);
    (void)corps::watch(mortal);  // dropped
    auto running = mortal.call<&Mortal::sleeps>();
    twin.advance(std::chrono::microseconds{twin.random(5'000)});
    if (twin.random(2) == 0) corps::exit(watchers[0]);
    corps::exit(mortal);
    CHECK(own.get().how == EndedHow::by_mgr);
    CHECK(error_of(mortal.call<&Mortal::sleeps>()).ran == corps::Ran::no);
    int ended = 0;
    for (auto& each : all) {
      try {
        auto const how = static_cast<EndedHow>(each.get());
        CHECK((how == EndedHow::by_mgr || how == EndedHow::before));
        ++ended;
      } catch (corps::WorkerLost const&) {
      }
    }
    CHECK(ended >= 4);
    int noticed = 0;
    for (auto const each : seen) noticed += each;
    CHECK(noticed == ended);
    twin.settle();
    CHECK(corps::mail::watches() == 0);
  });
}

// --- timers ------------------------------------------------------------------------------------------------------

struct Rings {
  std::vector<std::pair<int, std::chrono::nanoseconds>> rung;  // number, and when
};

class Clocked : public corps::Conc {
 public:
  void set(std::uint64_t twin, std::uint64_t rings, int number, int ms) {
    auto& at = object_of<Twin>(twin);
    auto& all = object_of<Rings>(rings);
    timers_.push_back(
        corps::after(std::chrono::milliseconds{ms}, [&at, &all, number] { all.rung.emplace_back(number, at.now()); }));
  }
  void cancel(int at) { timers_[static_cast<std::size_t>(at)].cancel(); }
  void ring(std::uint64_t twin, std::uint64_t rings, int number) {
    object_of<Rings>(rings).rung.emplace_back(number, object_of<Twin>(twin).now());
  }

 private:
  std::vector<corps::Timer> timers_;
};

TEST_CASE("timers ring once, in time and in order, and neither when cancelled nor after the end") {
  for_seeds(30, [](Twin& twin) {
    Rings rings;
    auto clocked = corps::create<Clocked>(corps::here()).get();
    constexpr int timers = 8;
    std::array<int, timers> due{};
    std::vector<corps::Timer> own;
    auto const begin = twin.now();
    for (int i = 0; i < timers; ++i) {
      due[static_cast<std::size_t>(i)] = 1 + ms_of(twin, 40);
      if (i % 2 == 0)
        clocked.call<&Clocked::set>(handle(twin), handle(rings), i, due[static_cast<std::size_t>(i)]).get();
      else
        own.push_back(corps::after<&Clocked::ring>(std::chrono::milliseconds{due[static_cast<std::size_t>(i)]}, clocked,
                                                   handle(twin), handle(rings), i));
    }
    auto const every = corps::every<&Clocked::ring>(7ms, clocked, handle(twin), handle(rings), 100);
    int const first_ms = ms_of(twin, 20);
    twin.advance(std::chrono::milliseconds{first_ms});
    clocked.call<&Clocked::cancel>(0).get();
    own[0].cancel();
    int const second_ms = ms_of(twin, 30);
    twin.advance(std::chrono::milliseconds{second_ms});
    corps::exit(clocked).get();
    auto const ended = twin.now() - begin;
    auto const rung_by_end = rings.rung.size();
    twin.advance(60ms);
    CHECK(rings.rung.size() == rung_by_end);
    std::array<int, timers> times{};
    int periods = 0;
    for (std::size_t i = 0; i < rings.rung.size(); ++i) {
      auto const [number, at] = rings.rung[i];
      if (i > 0) CHECK(at >= rings.rung[i - 1].second);
      if (number == 100) {
        CHECK(at - begin >= 7ms * ++periods);
        continue;
      }
      ++times[static_cast<std::size_t>(number)];
      auto const wanted = std::chrono::milliseconds{due[static_cast<std::size_t>(number)]};
      CHECK(at - begin >= wanted);
      CHECK(at - begin <= wanted + 2ms);
    }
    for (int i = 0; i < timers; ++i) {
      auto const wanted = std::chrono::milliseconds{due[static_cast<std::size_t>(i)]};
      bool const called_off = i < 2 && wanted > std::chrono::milliseconds{first_ms};
      if (called_off || wanted > ended)
        CHECK(times[static_cast<std::size_t>(i)] == 0);
      else if (wanted + 2ms < ended && (i >= 2 || wanted + 2ms < std::chrono::milliseconds{first_ms}))
        CHECK(times[static_cast<std::size_t>(i)] == 1);
      CHECK(times[static_cast<std::size_t>(i)] <= 1);
    }
    if (ended > 9ms) CHECK(periods >= (ended - 2ms) / 7ms);
    own.clear();
    if (auto* const clock = corps::mail::active_clock()) CHECK(clock->alarms() == 0);
  });
}

// --- streams -----------------------------------------------------------------------------------------------------

struct Flow {
  int produced = 0;
  int consumed = 0;
  int most_ahead = 0;
  int unwound = 0;
  bool out_of_order = false;
};

class Source : public corps::Conc {
 public:
  Stream<int> items(std::uint64_t handle_of_flow, int count, bool throws) {
    auto& flow = object_of<Flow>(handle_of_flow);
    struct Unwinds {
      explicit Unwinds(Flow& of) : flow(of) {}
      Unwinds(Unwinds const&) = delete;
      ~Unwinds() { ++flow.unwound; }
      Flow& flow;
    };
    Unwinds const unwinds{flow};
    for (int i = 0; i < count; ++i) {
      flow.most_ahead = std::max(flow.most_ahead, i - flow.consumed);
      flow.produced = i + 1;
      co_yield i;
    }
    if (throws) throw std::out_of_range{"no more"};
  }
};

class Sink : public corps::Conc {
 public:
  /// How it ended: 0 the end, 1 an error of the producer, 2 its loss, 3 it has had enough.
  Task<int> take(std::uint64_t handle_of_flow, Stream<int> items, int window, int enough, bool slow) {
    auto& flow = object_of<Flow>(handle_of_flow);
    items.set_window(static_cast<std::size_t>(window));
    try {
      while (auto item = co_await items.next()) {
        if (*item != flow.consumed) flow.out_of_order = true;
        ++flow.consumed;
        if (flow.consumed == enough) co_return 3;
        if (slow) co_await corps::sleep_for(1ms);
      }
    } catch (corps::RemoteError const&) {
      co_return 1;
    } catch (corps::WorkerLost const&) {
      co_return 2;
    }
    co_return 0;
  }
};

TEST_CASE("a stream keeps order and credit, and ends once, from whichever side") {
  for_seeds(60, turns_take_time, [](Twin& twin) {
    Flow flow;
    auto source = corps::create<Source>(corps::here()).get();
    auto sink = corps::create<Sink>(corps::here()).get();
    int const count = ms_of(twin, 30);
    int const window = 1 + ms_of(twin, 5);
    int const enough = twin.random(3) == 0 ? 1 + ms_of(twin, 30) : 1'000;
    bool const throws = twin.random(3) == 0;
    auto stream = source.call<&Source::items>(handle(flow), count, throws).get();
    auto taken = sink.call<&Sink::take>(handle(flow), std::move(stream), window, enough, twin.random(2) == 0);
    auto const who_ends = twin.random(4);
    if (who_ends < 3) {
      twin.advance(std::chrono::microseconds{twin.random(20'000)});
      if (who_ends == 0) corps::exit(source);
      if (who_ends == 1) corps::exit(sink);
      if (who_ends == 2) taken.cancel();
    }
    int how = -1;
    try {
      how = taken.get();
    } catch (corps::WorkerLost const&) {
      CHECK(who_ends == 1);
    } catch (corps::Cancelled const&) {
      CHECK(who_ends == 2);
    }
    twin.settle();
    CHECK_FALSE(flow.out_of_order);
    CHECK(flow.most_ahead <= window + 1);  // one may be on its way to the consumer, and count for nobody
    CHECK(flow.consumed <= flow.produced);
    CHECK(flow.unwound <= 1);
    if (how == 0 || how == 1) CHECK(flow.consumed == count);
    if (how == 0) CHECK_FALSE(throws);
    if (how == 1) CHECK(throws);
    if (how == 2) CHECK(who_ends == 0);
    if (how == 3) CHECK(flow.consumed == enough);
    corps::exit(source).get();
    corps::exit(sink).get();
    twin.settle();
    CHECK(flow.unwound == (flow.produced > 0 ? 1 : flow.unwound));
  });
}

// --- full mailboxes: exact counts, and turns ---------------------------------------------------------------------

struct Tally {
  int ran = 0;
  std::array<int, 4> last{-1, -1, -1, -1};
  bool out_of_order = false;
};

class Refuser : public corps::Conc {
 public:
  static constexpr auto corps_overflow = corps::Overflow::refuse;
  static constexpr std::uint32_t corps_mailbox = 3;
  void note(std::uint64_t tally, int from, int number) {
    auto& all = object_of<Tally>(tally);
    ++all.ran;
    auto& last = all.last[static_cast<std::size_t>(from)];
    all.out_of_order = all.out_of_order || number <= last;
    last = number;
  }
};

class Dropper : public Refuser {
 public:
  static constexpr auto corps_overflow = corps::Overflow::drop_oldest;
};

struct Sent {
  int calls = 0;
  int tells = 0;
  int values = 0;
  int overloaded = 0;
  int lost = 0;
};

class Flooder : public corps::Conc {
 public:
  Task<> flood(Name<Refuser> to, std::uint64_t handle_of_tally, std::uint64_t handle_of_sent, int from, int count) {
    auto& sent = object_of<Sent>(handle_of_sent);
    std::vector<Future<void>> open;
    for (int i = 0; i < count; ++i) {
      if (i % 3 == 0) {
        to.tell<&Refuser::note>(handle_of_tally, from, i);
        ++sent.tells;
      } else {
        open.push_back(to.call<&Refuser::note>(handle_of_tally, from, i));
        ++sent.calls;
      }
      if (i % 5 == 4) co_await corps::sleep_for(1ms);
    }
    for (auto& each : open) {
      try {
        co_await each;
        ++sent.values;
      } catch (corps::Overloaded const&) {
        ++sent.overloaded;
      } catch (corps::WorkerLost const&) {
        ++sent.lost;
      }
    }
  }
};

std::uint64_t dead() {
  auto const all = corps::mail::dead_letters();
  return all[static_cast<std::size_t>(DeadLetter::no_room)] + all[static_cast<std::size_t>(DeadLetter::no_worker)] +
         all[static_cast<std::size_t>(DeadLetter::too_old)];
}

template <class T>
void flood(Twin& twin) {
  auto const dead_before = dead();
  Tally tally;
  Sent sent;
  auto target = corps::create<T>(corps::here()).get();
  std::vector<Future<void>> done;
  for (int from = 0; from < 3; ++from)
    done.push_back(corps::create<Flooder>(corps::here())
                       .get()
                       .call<&Flooder::flood>(Name<Refuser>{target}, handle(tally), handle(sent), from, 15));
  if (twin.random(2) == 0) {
    twin.advance(std::chrono::microseconds{twin.random(5'000)});
    corps::exit(target);
  }
  for (auto& each : done) each.get();
  twin.settle();
  auto const letters = static_cast<int>(dead() - dead_before);
  CHECK_FALSE(tally.out_of_order);
  CHECK(sent.calls == sent.values + sent.overloaded + sent.lost);
  CHECK(sent.calls + sent.tells == tally.ran + sent.overloaded + sent.lost + letters);
}

TEST_CASE("what is sent to a class that refuses has run, is refused, or is a dead letter") {
  for_seeds(40, turns_take_time, flood<Refuser>);
}

TEST_CASE("what is sent to a class that drops the oldest has run, is dropped, or is a dead letter") {
  for_seeds(40, turns_take_time, flood<Dropper>);
}

class Gate : public corps::Conc {
 public:
  static constexpr std::uint32_t corps_mailbox = 2;
  Task<> hold() { co_await corps::sleep_for(10ms); }
  void note(int from, int number) { noted.emplace_back(from, number); }
  std::vector<std::pair<int, int>> noted;
};

class Polite : public corps::Conc {
 public:
  Task<> send(Name<Gate> gate, int from, int count) {
    std::vector<Future<void>> open;
    for (int i = 0; i < count; ++i) open.push_back(gate.call<&Gate::note>(from, i));
    for (auto& each : open) co_await each;
  }
};

TEST_CASE("senders that wait for room take turns") {
  for_seeds(30, [](Twin& twin) {
    constexpr int senders = 3;
    constexpr int calls = 8;
    auto gate = corps::create<Gate>(corps::here()).get();
    auto held = gate.call<&Gate::hold>();
    twin.settle();
    std::vector<Future<void>> done;
    for (int from = 0; from < senders; ++from)
      done.push_back(corps::create<Polite>(corps::here()).get().call<&Polite::send>(gate, from, calls));
    held.get();
    for (auto& each : done) each.get();
    auto const noted = gate.get<&Gate::noted>().get();
    REQUIRE(noted.size() == senders * calls);
    std::array<int, senders> next{};
    for (std::size_t i = 0; i < noted.size(); ++i) {
      auto const from = static_cast<std::size_t>(noted[i].first);
      CHECK(noted[i].second == next[from]++);
      // Two went in before any had to wait; from then on nobody is served twice while another waits.
      if (i >= 2 && i + 1 < (calls - 2) * senders) CHECK(noted[i].first != noted[i + 1].first);
    }
  });
}

TEST_CASE("a timer whose target is full, or gone, holds up nobody, and ends with the target") {
  for_seeds(20, turns_take_time, [](Twin& twin) {
    auto gate = corps::create<Gate>(corps::here()).get();
    auto held = gate.call<&Gate::hold>();
    auto const every = corps::every<&Gate::note>(1ms, gate, 1, 1);
    std::vector<corps::Timer> once;
    for (int i = 0; i < 4; ++i) once.push_back(corps::after<&Gate::note>(1ms, gate, 0, i));
    for (int i = 0; i < 4; ++i) {
      auto const begin = twin.now();
      corps::sleep_for(1ms).get();
      CHECK(twin.now() - begin <= 3ms);
    }
    held.get();
    twin.advance(5ms);
    auto const noted = gate.get<&Gate::noted>().get();
    CHECK(std::count_if(noted.begin(), noted.end(), [](auto const& each) { return each.first == 0; }) == 4);
    CHECK(std::count_if(noted.begin(), noted.end(), [](auto const& each) { return each.first == 1; }) >= 3);
    corps::exit(gate).get();
    twin.advance(5ms);
    if (auto* const clock = corps::mail::active_clock()) CHECK(clock->alarms() == 0);
  });
}

// --- circles -----------------------------------------------------------------------------------------------------

class Knot : public corps::Conc {
 public:
  void know(Name<Knot> other) { other_ = other; }
  int quick() { return 1; }
  /// Waits for one that waits for this one.
  Task<int> tie(bool any) {
    std::vector<Future<int>> open;
    open.push_back(other_.call<&Knot::back>());
    if (!any) {
      int const value = co_await open[0];
      co_return value;
    }
    open.push_back(corps::sleep_for(200ms).then([] { return 2; }));
    auto first = corps::when_any(std::move(open));
    auto all = co_await first;
    int const value = co_await all.first();
    co_return value;
  }
  Task<int> back() {
    auto answer = other_.call<&Knot::quick>();
    int const value = co_await answer;
    co_return value;
  }

 private:
  Name<Knot> other_;
};

TEST_CASE("a circle is named within 100 ms; where one of several would do, it is none") {
  for_seeds(20, turns_take_time, [](Twin& twin) {
    auto first = corps::create<Knot>(corps::here()).get();
    auto second = corps::create<Knot>(corps::here()).get();
    first.call<&Knot::know>(second).get();
    second.call<&Knot::know>(first).get();
    auto const begin = twin.now();
    auto const error = error_of(first.call<&Knot::tie>(false));
    CHECK(error.type == "corps::CallCycle");
    CHECK(error.text.find("Knot::tie") != std::string::npos);
    CHECK(twin.now() - begin < 100ms);
    auto const again = twin.now();
    CHECK(first.call<&Knot::tie>(true).get() == 2);
    CHECK(twin.now() - again >= 200ms);
  });
}

// --- interleaved methods -----------------------------------------------------------------------------------------

class Half : public corps::Conc {
 public:
  Task<> work(int number) {
    inside = inside + 1;
    most = std::max(most, inside);
    co_await corps::sleep_for(2ms);
    --inside;
    done.push_back(number);
  }
  int status() { return inside; }
  static constexpr auto corps_interleaved_methods = corps::methods<&Half::status>;
  int most = 0;
  std::vector<int> done;

 private:
  int inside = 0;
};

TEST_CASE("an interleaved method is served while others wait, which keep their order") {
  for_seeds(20, turns_take_time, [](Twin& twin) {
    auto half = corps::create<Half>(corps::here()).get();
    std::vector<Future<void>> work;
    for (int i = 0; i < 4; ++i) work.push_back(half.call<&Half::work>(i));
    auto const begin = twin.now();
    CHECK(half.call<&Half::status>().get() <= 1);
    CHECK(twin.now() - begin < 2ms);
    for (auto& each : work) each.get();
    CHECK(half.get<&Half::most>().get() == 1);
    CHECK(half.get<&Half::done>().get() == std::vector<int>{0, 1, 2, 3});
  });
}

}  // namespace twin_parts_test
