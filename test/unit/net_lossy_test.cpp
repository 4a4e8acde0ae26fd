// Calls over carriers that lose frames and are killed all the time, with real threads, sockets and shared memory: none runs
// twice, none out of order, and every Future ends, with the truth. TEST_CALLS says how many calls, TEST_SEED which frames are
// lost.

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corps/detail/call.hpp"
#include "corps/detail/send.hpp"
#include "test/unit/net_lossy_kit.hpp"
#include "test/unit/runtime_kit.hpp"

namespace net_lossy_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::EnvId;
using corps::Future;
using corps::Name;
using corps::Ran;
using corps::Task;
using corps::net::Endpoint;
using corps::net::ShmUse;
using corps::net::test::Faults;
using corps::net::test::LossyEnd;

constexpr EnvId here = 0;
constexpr EnvId elsewhere = 1;
constexpr std::uint32_t callers_max = 8;
constexpr std::uint32_t targets_max = 4;
constexpr std::uint32_t open_max = 125;        // of each caller: 1,000 in all
constexpr std::uint32_t large_one_in = 400;    // some fragments
constexpr std::uint32_t throws_one_in = 97;    // where calls may fail
constexpr std::uint32_t hurried_one_in = 101;  // the same; they have little time
constexpr auto little_time = 3ms;

enum class Calls : std::uint8_t { all_succeed, may_fail, are_retried };

/// What a caller and its target know of a call.
struct Journal {
  std::vector<std::uint8_t> runs;
  std::uint32_t next = 0;          // no call with a lower number may still come
  std::uint32_t out_of_order = 0;  // came nevertheless
};

class Target : public corps::Conc {
 public:
  std::uint32_t take(std::uint32_t caller, std::uint32_t number, bool may_throw, std::string text) {
    auto& journal = journals_[caller];
    if (journal.runs.size() <= number) journal.runs.resize(std::max<std::size_t>(number + 1, 2 * journal.runs.size()));
    ++journal.runs[number];
    if (number < journal.next) ++journal.out_of_order;
    journal.next = number + 1;
    if (may_throw && number % throws_one_in == 0) throw std::out_of_range{"on purpose"};
    return number + static_cast<std::uint32_t>(text.size());
  }
  /// The first runs are in order.
  std::uint32_t take_again(std::uint32_t caller, std::uint32_t number, std::string text) {
    auto& journal = journals_[caller];
    if (journal.runs.size() <= number) journal.runs.resize(std::max<std::size_t>(number + 1, 2 * journal.runs.size()));
    if (std::exchange(journal.runs[number], 1) == 0) {
      if (number < journal.next) ++journal.out_of_order;
      journal.next = number + 1;
    }
    return number + static_cast<std::uint32_t>(text.size());
  }
  static constexpr auto corps_idempotent_methods = corps::methods<&Target::take_again>;
  std::uint64_t journal_of(std::uint32_t caller) { return handle(journals_[caller]); }

 private:
  std::array<Journal, callers_max> journals_;
};

/// How the Futures of a caller ended, by the numbers of its calls.
struct Ends {
  enum class End : std::uint8_t { none, value, not_run, maybe_run, run };
  std::vector<End> ends;
  std::uint32_t wrong_values = 0;
  std::uint32_t ended_twice = 0;

  void end(std::uint32_t number, End how) {
    if (ends[number] != End::none) ++ended_twice;
    ends[number] = how;
  }
};

class Caller : public corps::Conc {
 public:
  /// Makes calls 0 to count - 1.
  Task<std::uint64_t> run(std::uint64_t way, Name<Target> target, std::uint32_t self, std::uint32_t count, Calls calls) {
    ends_.ends.resize(count);
    std::deque<Future<std::uint32_t>> open;
    for (std::uint32_t ended = 0, sent = 0; ended < count; ++ended) {
      for (; sent < count && open.size() < open_max; ++sent) {
        auto const limit = calls == Calls::may_fail && sent % hurried_one_in == 0 ? std::chrono::nanoseconds{little_time}.count()
                                                                                  : corps::detail::default_limit_ns;
        auto& link = object_of<LossyEnd>(way);
        open.push_back(calls == Calls::are_retried
                           ? call<&Target::take_again>(link, target, limit, self, sent, text_of(sent))
                           : call<&Target::take>(link, target, limit, self, sent, calls == Calls::may_fail, text_of(sent)));
      }
      auto future = std::move(open.front());
      open.pop_front();
      try {
        auto const value = co_await future;
        if (value != ended + text_of(ended).size()) ++ends_.wrong_values;
        ends_.end(ended, Ends::End::value);
      } catch (corps::Error const& error) {
        auto const ran = error.info().ran;
        ends_.end(ended, ran == Ran::no ? Ends::End::not_run : ran == Ran::maybe ? Ends::End::maybe_run : Ends::End::run);
      }
    }
    co_return handle(ends_);
  }

 private:
  static std::string text_of(std::uint32_t number) { return std::string(number % large_one_in == 7 ? 10'000 : number % 40, 'x'); }
  /// As Name::call does, over a link of the test.
  template <auto method, class... A>
  static Future<std::uint32_t> call(LossyEnd& way, Name<Target> target, std::int64_t limit_ns, A... args) {
    REQUIRE(corps::detail::Registered<corps::detail::MethodOp<method>>::done);
    using Call = corps::detail::Call<corps::detail::MethodOp<method>>;
    auto request = std::make_unique<Call>(std::in_place, std::move(args)...);
    auto& reply = *request;
    if (!corps::detail::open_call(reply, {elsewhere, target.address().conc}, limit_ns)) {
      (void)request.release();
    } else {
      (void)reply.begin();
      way.links.send(std::move(request), elsewhere);
    }
    return corps::detail::FutureMaker<std::uint32_t>::make(reply);
  }

  Ends ends_;
};

std::uint32_t number_from(char const* variable, std::uint32_t otherwise) {
  auto const* const text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoi(text));
}

/// Two Envs between whose links frames are lost, and callers in one that call targets in the other.
class Between {
 public:
  Between(Faults faults, ShmUse shm, Endpoint const& first, Endpoint const& second)
      : Between(faults, faults, shm, first, second) {}
  Between(Faults of_near, Faults of_far, ShmUse shm, Endpoint const& first, Endpoint const& second)
      : near_(here, elsewhere, of_near, shm, seed_),
        far_(elsewhere, here, of_far, shm, seed_),
        near_at_(near_.listen(first)),
        far_at_(far_.listen(second)) {}

  /// So many calls of each caller. Returns how many ended with an error.
  std::uint64_t run(std::uint32_t count, Calls calls) {
    INFO("TEST_SEED=" << seed_);
    auto const begin = std::chrono::steady_clock::now();
    Running corps;
    connect();
    std::vector<Name<Target>> targets;
    for (std::uint32_t i = 0; i < targets_max; ++i) targets.push_back(corps::create<Target>(corps::here()).get());
    std::vector<Future<std::uint64_t>> runs;
    std::vector<Name<Caller>> callers;
    for (std::uint32_t i = 0; i < callers_max; ++i) {
      callers.push_back(corps::create<Caller>(corps::here()).get());
      runs.push_back(
          callers.back().within(corps::no_deadline).call<&Caller::run>(handle(near_), targets[i % targets_max], i, count, calls));
    }
    auto const limit = patience + count * 1ms;
    std::vector<Ends const*> ends;
    for (auto& run : runs) ends.push_back(&object_of<Ends>(run.get(limit)));
    // What is still on the way was given up by its caller.
    near_.stop();
    far_.stop();
    std::uint64_t errors = 0;
    for (std::uint32_t i = 0; i < callers_max; ++i) {
      auto const& journal = object_of<Journal>(targets[i % targets_max].call<&Target::journal_of>(i).get());
      errors += check(*ends[i], journal, count);
    }
    report(count, errors, std::chrono::steady_clock::now() - begin);
    CHECK(near_.lost + far_.lost > 0);
    return errors;
  }
  int sessions() { return near_.session.times(); }
  std::uint64_t killed() const { return near_.killed + far_.killed; }

 private:
  void connect() {
    near_.start(far_at_);
    far_.start(near_at_);
    near_.links.connect(elsewhere);
    for (auto* const end : {&near_, &far_}) {
      REQUIRE(end->session.wait());
      end->begin_faults();
    }
  }
  static std::uint64_t check(Ends const& ends, Journal const& journal, std::uint32_t count) {
    using End = Ends::End;
    std::array<std::uint64_t, 5> by_end{};
    std::uint32_t twice = 0;
    std::uint32_t untrue = 0;
    for (std::uint32_t number = 0; number < count; ++number) {
      auto const runs = number < journal.runs.size() ? journal.runs[number] : 0;
      auto const end = ends.ends[number];
      ++by_end[static_cast<std::size_t>(end)];
      twice += runs > 1 ? 1 : 0;
      untrue += (end == End::not_run && runs != 0) || ((end == End::value || end == End::run) && runs != 1) ? 1 : 0;
    }
    CHECK(by_end[static_cast<std::size_t>(End::none)] == 0);
    CHECK(ends.ended_twice == 0);
    CHECK(ends.wrong_values == 0);
    CHECK(journal.out_of_order == 0);
    CHECK(twice == 0);
    CHECK(untrue == 0);
    return count - by_end[static_cast<std::size_t>(End::value)];
  }
  /// A line for each run, where TEST_CALLS asks for one.
  void report(std::uint32_t count, std::uint64_t errors, std::chrono::nanoseconds took) {
    if (std::getenv("TEST_CALLS") == nullptr) return;
    std::printf(
        "seed %u: %u calls, %llu errors, %llu of %llu frames lost, %llu connections, %llu killed, %d sessions, %.1f s\n", seed_,
        count * callers_max, static_cast<unsigned long long>(errors), static_cast<unsigned long long>(near_.lost + far_.lost),
        static_cast<unsigned long long>(near_.frames + far_.frames), static_cast<unsigned long long>(near_.connections.load()),
        static_cast<unsigned long long>(killed()), sessions(), std::chrono::duration<double>(took).count());
    std::fflush(stdout);
  }

  std::uint32_t const seed_ = number_from("TEST_SEED", 1);
  LossyEnd near_;
  LossyEnd far_;
  Endpoint const near_at_;
  Endpoint const far_at_;
};

/// That no other has, or had.
Endpoint local(EnvId env) {
  static std::uint32_t count = 0;
  auto unique = corps::net::test::identity_of(env).corps_id;
  corps::net::put_number(unique.data() + sizeof(std::uint32_t), ++count);
  return corps::net::unix_endpoint(unique, {env, 1});
}
Endpoint const loopback{"tcp:127.0.0.1:0"};

/// Often enough for a short run to be killed as well.
std::chrono::milliseconds const kill_every = std::getenv("TEST_CALLS") == nullptr ? 10ms : 100ms;

/// A third of TEST_CALLS, over each carrier.
std::uint32_t calls_each() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint32_t few = 10'000;
#else
  constexpr std::uint32_t few = 100'000;
#endif
  return number_from("TEST_CALLS", few) / 3 / callers_max;
}

TEST_CASE("of calls over shared memory that loses frames and is cut off, each is run once and in order") {
  Between envs({.kill_every = kill_every}, ShmUse::required, local(here), local(elsewhere));
  CHECK(envs.run(calls_each(), Calls::all_succeed) == 0);
  CHECK(envs.sessions() == 1);
}

TEST_CASE("of calls over Unix sockets that lose frames and are cut off, each is run once and in order") {
  Between envs({.kill_every = kill_every}, ShmUse::never, local(here), local(elsewhere));
  CHECK(envs.run(calls_each(), Calls::all_succeed) == 0);
  CHECK(envs.sessions() == 1);
}

TEST_CASE("of calls over TCP connections that lose frames and are cut off, each is run once and in order") {
  Between envs({.kill_every = kill_every}, ShmUse::never, loopback, loopback);
  CHECK(envs.run(calls_each(), Calls::all_succeed) == 0);
  CHECK(envs.sessions() == 1);
}

TEST_CASE("calls that fail while frames are lost and sessions end say truly whether they ran, and none runs twice") {
  Between envs({.kill_every = kill_every, .end_one_kill_in = 3}, ShmUse::preferred, local(here), local(elsewhere));
  CHECK(envs.run(calls_each(), Calls::may_fail) > 0);
}

// Not all: a later one may have been answered by its first run, before the session with the retried ones has ended too.
TEST_CASE("calls of an idempotent method are retried while frames are lost and sessions end, their first runs in order") {
  Between envs({.kill_every = kill_every, .end_one_kill_in = 3}, {.kill_every = kill_every}, ShmUse::preferred, local(here),
               local(elsewhere));
  CHECK(envs.run(calls_each(), Calls::are_retried) < callers_max * calls_each());
}

}  // namespace net_lossy_test
