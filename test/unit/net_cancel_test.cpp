// Calls between Envs that are cancelled: what the caller's link sends, and what becomes of them in the Env that serves them.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corps/forward.hpp"
#include "test/unit/net_calling_link.hpp"
#include "test/unit/net_played_env.hpp"
#include "test/unit/runtime_kit.hpp"

namespace net_cancel_test {

using namespace runtime_kit;
using corps::EnvId;
using corps::Future;
using corps::Name;
using corps::Task;
using corps::net::LinkLimits;
using corps::net::test::PlayedEnv;

/// What the test sees of a method that is cancelled.
struct Events {
  Event entered;
  Event cancelled;
};

class Busy : public corps::Conc {
 public:
  /// Waits for a Worker that is held up.
  Task<int> wait(Name<Holder> holder, std::uint64_t events) {
    auto& both = object_of<Events>(events);
    both.entered.happen();
    auto answer = holder.call<&Holder::quick>();
    try {
      (void)co_await answer;
    } catch (corps::Cancelled const&) {
      if (corps::cancelled()) both.cancelled.happen();
    }
    co_return 1;
  }
  int compute(std::uint64_t events) {
    auto& both = object_of<Events>(events);
    both.entered.happen();
    auto const until = std::chrono::steady_clock::now() + patience;
    while (!corps::cancelled() && std::chrono::steady_clock::now() < until) {
    }
    if (corps::cancelled()) both.cancelled.happen();
    return 1;
  }
  std::size_t size_of(std::string text) { return text.size(); }
};

// --- the Env that serves -----------------------------------------------------------------------------------------

constexpr EnvId here = 0;
constexpr EnvId elsewhere = 7;

/// The Env whose calls this one serves.
struct Peer : PlayedEnv {
  Peer() : PlayedEnv(here, elsewhere) {}
};

TEST_CASE("a call of another Env that was not begun is not run when it is cancelled") {
  Peer peer;
  Running corps;
  Held held;
  peer.call<&Holder::quick>(1, held.name);
  peer.call<&Holder::quick>(2, held.name);
  peer.cancel(1);
  peer.cancel(1);
  CHECK(held.quick_calls() == 1);
}

TEST_CASE("a method that another Env called and cancels ends what it waits for, down the chain") {
  Peer peer;
  Running corps;
  Held held;
  Events events;
  auto const busy = corps::create<Busy>(corps::here()).get();
  peer.call<&Busy::wait>(1, busy, held.name, handle(events));
  REQUIRE(events.entered.wait());
  peer.cancel(1);
  CHECK(events.cancelled.wait());
  CHECK(held.quick_calls() == 0);
}

TEST_CASE("a method that computes sees that another Env has cancelled it") {
  Peer peer;
  Running corps;
  Events events;
  auto const busy = corps::create<Busy>(corps::here()).get();
  peer.call<&Busy::compute>(1, busy, handle(events));
  REQUIRE(events.entered.wait());
  peer.cancel(1);
  CHECK(events.cancelled.wait());
}

TEST_CASE("an Env cancels its own calls only, and only those that are open") {
  Peer peer;
  Peer other;
  Running corps;
  Held held;
  peer.call<&Holder::quick>(1, held.name);
  other.call<&Holder::quick>(257, held.name);  // in the same list as 1
  for (std::uint64_t const number : {0ULL, 2ULL, 257ULL, ~0ULL}) peer.cancel(number);
  other.cancel(1);
  CHECK(held.quick_calls() == 2);
  for (std::uint64_t const number : {1ULL, 257ULL}) {  // answered
    peer.cancel(number);
    other.cancel(number);
  }
  CHECK(held.name.call<&Holder::quick>().get() == 3);
}

TEST_CASE("of calls with one number, one is cancelled at a time; a cancel of the wrong form is none") {
  Peer peer;
  Running corps;
  Held held;
  for (int i = 0; i < 3; ++i) peer.call<&Holder::quick>(1, held.name);
  peer.cancel(1);
  CHECK_THROWS_AS(peer.link.on_cancel(corps::net::Piece{}), corps::DecodeError);
  CHECK_THROWS_AS(peer.link.on_cancel(corps::net::Piece(std::vector<std::byte>(9))), corps::DecodeError);
  CHECK(held.quick_calls() == 2);
}

TEST_CASE("calls of another Env end in any order, and none is found afterwards") {
  Peer peer;
  Running corps;
  Held first;
  Held second;
  // All in one list.
  peer.call<&Holder::quick>(1, first.name);
  peer.call<&Holder::quick>(1 + 256, second.name);
  peer.call<&Holder::quick>(1 + 2 * 256, first.name);
  CHECK(second.quick_calls() == 1);
  CHECK(first.quick_calls() == 2);
  for (std::uint64_t i = 0; i < 3; ++i) peer.cancel(1 + 256 * i);
}

// --- the Env that calls ------------------------------------------------------------------------------------------

struct Caller : corps::net::test::CallingLink {
  explicit Caller(LinkLimits limits = {}) : CallingLink(here, elsewhere, limits) {}
};

TEST_CASE("a cancel goes behind its call, and is sent again with it") {
  Caller caller;
  auto future = caller.call<&Holder::quick>();
  caller.cancel_last();
  future.cancel();
  CHECK(error_of(std::move(future)).ran == corps::Ran::maybe);
  caller.connect();
  CHECK(caller.carrier->text() == "request 1 (41 bytes), cancel 2 (8 bytes)");
  caller.cut();
  caller.connect(1);
  CHECK(caller.carrier->text() == "cancel 2 (8 bytes)");
  caller.lose_env();
}

TEST_CASE("a cancel waits behind a large message of the same two Workers") {
  Caller caller(LinkLimits{.fragment_bytes = 1000});
  auto future = caller.call<&Busy::size_of>(std::string(1500, 'x'));
  caller.cancel_last();
  caller.connect();
  CHECK(caller.carrier->text() == "fragment 1 (57 bytes), fragment 2 (1008 bytes), fragment 3 (508 bytes), cancel 4 (8 bytes)");
  caller.lose_env();
  CHECK(error_of(std::move(future)).code == corps::Errc::worker_lost);
}

TEST_CASE("what is answered is not cancelled any more") {
  Caller caller;
  caller.connect();
  auto future = caller.call<&Holder::quick>();
  caller.carrier->way.clear();
  caller.answer_last(42);
  caller.cancel_last();
  CHECK(future.get() == 42);
  CHECK(caller.carrier->text() == "");
}

TEST_CASE("a call that was handed on is cancelled in the Env that serves it, whether the cancel or the call goes first") {
  Caller caller;
  caller.connect();
  using Call = corps::detail::Call<corps::detail::MethodOp<&Holder::quick>>;
  auto first = std::make_unique<Call>(std::in_place);
  auto& reply = *first.release();
  REQUIRE(corps::detail::open_call(reply, {here, corps::ConcId{16}}, corps::detail::default_limit_ns));
  CHECK(reply.begin());
  auto future = corps::detail::FutureMaker<int>::make(reply);
  auto const hand_on = [&] {
    auto request = std::make_unique<Call>(std::in_place);
    request->origin = &corps::detail::relay_origin<int>;
    request->origin_call = reinterpret_cast<std::uintptr_t>(static_cast<corps::detail::Reply<int>*>(&reply));
    request->relays = true;
    request->sent_to = {elsewhere, corps::ConcId{32}};
    caller.link.send(std::move(request));
  };
  SUBCASE("the call") {
    hand_on();
    future.cancel();
    CHECK(reply.handed_on().to == corps::ConcAddr{elsewhere, corps::ConcId{32}});
    CHECK(reply.handed_on().number == 1);
    CHECK(caller.carrier->text() == "request 1 (41 bytes)");  // the links of this process are asked to cancel 1
  }
  SUBCASE("the cancel") {
    future.cancel();
    hand_on();
    CHECK(caller.carrier->text() == "request 1 (41 bytes), cancel 2 (8 bytes)");
  }
  caller.lose_env();
  CHECK(error_of(std::move(future)).code == corps::Errc::cancelled);
}

}  // namespace net_cancel_test
