// Circles of calls over several Envs, seen from one of them: what its probes say to the others, what it answers to theirs, and
// what becomes of probes that are late, lost or forged. Time is the twin's.

#include <array>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "corps/detail/call.hpp"
#include "corps/detail/send.hpp"
#include "env/mail/internal/probe.hpp"
#include "env/net/internal/link.hpp"
#include "test/unit/net_memory_carrier.hpp"
#include "test/unit/net_played_env.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace net_cycle_test {

using namespace std::chrono_literals;
using corps::ConcAddr;
using corps::ConcId;
using corps::EnvId;
using corps::Name;
using corps::Task;
using corps::mail::Hop;
using corps::net::Link;
using runtime_kit::handle;
using runtime_kit::object_of;
using twin_kit::Twin;

constexpr EnvId here = 0;

class Node : public corps::Conc {
 public:
  /// Waits for a Worker of the Env at the other end of a link. Says how that ended.
  Task<std::string> wait_abroad(std::uint64_t link) {
    auto& way = object_of<Link>(link);
    auto answer = call_abroad(way);
    try {
      (void)co_await answer;
    } catch (corps::Error const& error) {
      co_return std::string{error.what()};
    }
    co_return "answered";
  }
  int quick() { return ++count; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Node::quick>;
  Task<> pass(std::int64_t ms) { co_await corps::sleep_for(std::chrono::milliseconds(ms)); }
  int count = 0;

 private:
  static corps::Future<int> call_abroad(Link& link);
};
constexpr auto quick = &corps::detail::MethodOp<&Node::quick>::record;

constexpr ConcId conc_abroad{16};

/// As Name::call does.
corps::Future<int> Node::call_abroad(Link& link) {
  using Call = corps::detail::Call<corps::detail::MethodOp<&Node::quick>>;
  auto request = std::make_unique<Call>(std::in_place);
  auto& reply = *request;
  REQUIRE(corps::detail::open_call(reply, {link.env(), conc_abroad}, corps::detail::default_limit_ns));
  CHECK(reply.begin());
  link.send(std::move(request));
  return corps::detail::FutureMaker<int>::make(reply);
}

/// The body of a probe's frame, as docs/internals/wire.md says.
struct Body {
  std::uint64_t number = 0;
  ConcAddr home;
  std::uint64_t serial = 0;
  std::vector<EnvId> way;
  std::uint8_t round = 0;
  std::uint32_t confirmed = 0;
  std::uint32_t chosen = 0;
  std::vector<Hop> hops;

  corps::detail::ByteBuffer packed() const {
    corps::detail::ByteBuffer bytes;
    corps::Packer out{bytes};
    out(number, home, serial, way);
    if (number != 0) out(round, confirmed, chosen, hops);
    return bytes;
  }
  static Body home_for(Body const& body, std::vector<EnvId> way) {
    return {.number = 0, .home = body.home, .serial = body.serial, .way = std::move(way), .hops = {}};
  }
  static Body of(std::span<std::byte const> bytes) {
    corps::Unpacker in{bytes};
    Body body;
    in(body.number, body.home, body.serial, body.way);
    if (body.number != 0) in(body.round, body.confirmed, body.chosen, body.hops);
    in.finish();
    return body;
  }
};

/// Keeps what this Env's probes say to others.
class Sent final : public corps::mail::ProbeWay {
 public:
  Sent() : before_(corps::mail::set_probe_way(this)) {}
  ~Sent() { corps::mail::set_probe_way(before_); }
  Sent(Sent const&) = delete;
  Sent& operator=(Sent const&) = delete;

  bool send_probe(EnvId to, std::uint64_t number, std::span<std::byte const> bytes) noexcept override {
    if (!takes) return false;
    bodies.push_back(Body::of(bytes));
    targets.push_back(to);
    CHECK(bodies.back().number == number);
    return true;
  }
  std::size_t count() const { return bodies.size(); }

  bool takes = true;
  std::vector<Body> bodies;
  std::vector<EnvId> targets;

 private:
  corps::mail::ProbeWay* before_;
};

/// Another Env, which the test plays.
struct Other : corps::net::test::PlayedEnv {
  explicit Other(EnvId env) : PlayedEnv(here, env) {}
  /// Ends what waits for it, and lets `node` answer what it has called: requests know their link.
  void end(Name<Node> node) {
    link.env_ended("the test is over");
    link.give_up({});
    node.call<&Node::quick>().get();
  }
  void probe(Body const& body) { link.on_probe(body.packed().view()); }
};

/// A Worker that waits for one of Env 7, which calls it: a circle of which the test sees this half.
struct Circle {
  static constexpr std::uint64_t call_back = 5;  // its number in Env 7

  Circle()
      : node(corps::create<Node>(corps::here()).get()),
        clock(corps::create<Node>(corps::here()).get()),
        waits(node.call<&Node::wait_abroad>(handle(other.link))) {
    pass(1ms);
    other.call<&Node::quick>(call_back, node);
  }
  ~Circle() { other.end(node); }
  Circle(Circle const&) = delete;
  Circle& operator=(Circle const&) = delete;

  void pass(std::chrono::milliseconds time) { clock.call<&Node::pass>(time.count()).get(); }

  /// What Env 7 does with a probe that follows the call: its Worker waits for the answer of `node`.
  Body go_on(Body body, std::int64_t older_ns) const {
    body.way.push_back(7);
    body.number = call_back;
    if (body.round == 0) {
      auto const first = body.hops.front();
      body.hops.front().begun = true;
      body.hops.push_back({.worker = {7, conc_abroad},
                           .by_id = 1,
                           .by_method = quick->id.hash,
                           .call_id = 2,
                           .method = quick->id.hash,
                           .target = node.address(),
                           .born_ns = first.born_ns - older_ns,
                           .begun = true});
    } else {
      ++body.confirmed;
    }
    return body;
  }
  /// Plays Env 7 until a probe has been round `rounds` times.
  void play(std::size_t rounds, std::int64_t older_ns) {
    for (std::size_t i = 0; i < rounds; ++i) {
      if (i == 0) pass(100ms);
      REQUIRE(sent.count() == i + 1);
      other.probe(go_on(sent.bodies[i], older_ns));
      pass(1ms);
    }
  }
  void answer() {
    other.tell(&Link::on_answer, std::uint64_t{1}, 42);
    CHECK(waits.get() == "answered");
  }

  Sent sent;
  Other other{7};
  Name<Node> const node;
  Name<Node> const clock;
  corps::Future<std::string> waits;
};

void in_twin(std::function<void()> const& body) {
  twin_kit::for_seeds(3, [&](Twin&) { body(); });
}

TEST_CASE("a circle over two Envs: the wait of this one is the younger, and ends") {
  in_twin([] {
    Circle circle;
    circle.play(2, 1000);
    auto const text = circle.waits.get();
    CHECK(text.starts_with(
        "CallCycle: requests wait for each other in a circle: net_cycle_test::Node::wait_abroad at env 0, conc "));
    CHECK(text.find(", which waits for net_cycle_test::Node::quick at env 0, conc ") != std::string::npos);
    CHECK(text.find("net_cycle_test::Node::quick at env 7, conc ") != std::string::npos);
    CHECK(circle.sent.count() == 2);
    CHECK(circle.node.get<&Node::count>().get() == 1);  // the call of Env 7 was served then

    auto const& first = circle.sent.bodies[0];
    CHECK(circle.sent.targets == std::vector<EnvId>{7, 7});
    CHECK(first.number == 1);
    CHECK(first.home == circle.node.address());
    CHECK(first.way == std::vector<EnvId>{here});
    CHECK(first.round == 0);
    REQUIRE(first.hops.size() == 1);
    CHECK(first.hops[0].worker == circle.node.address());
    CHECK(first.hops[0].target == ConcAddr{7, conc_abroad});
    auto const& second = circle.sent.bodies[1];
    CHECK(second.round == 1);
    CHECK(second.confirmed == 1);
    CHECK(second.way == first.way);
    CHECK(second.serial != first.serial);
  });
}

TEST_CASE("a call that ended for a circle is not sent again when its session is lost") {
  in_twin([] {
    Circle circle;
    auto& link = circle.other.link;
    auto const carrier = std::make_shared<corps::net::test::MemoryCarrier>(corps::net::Peer{7, 1});
    REQUIRE(link.carrier_up(carrier, true));
    corps::detail::ByteBuffer resume;
    corps::Packer out{resume};
    out(std::uint64_t{200}, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1} << 30);
    corps::net::Frame const greeting{corps::net::FrameKind::resume, 0, resume.view()};
    link.take(*carrier, {&greeting, 1});
    circle.play(2, 1000);
    CHECK(circle.waits.get().starts_with("CallCycle: "));
    REQUIRE(link.carrier_down(*carrier, corps::net::Ending::cut) == Link::Next::dial);
    REQUIRE(link.resume_is_over(link.cut()));
    CHECK(link.take_retried() == 0);
  });
}

TEST_CASE("a circle over two Envs: the younger wait is in the other one, and the probe goes there") {
  in_twin([] {
    Circle circle;
    circle.play(2, -1000);
    REQUIRE(circle.sent.count() == 3);
    auto const last = circle.sent.bodies[2];
    CHECK(last.round == 2);
    CHECK(last.chosen == 1);
    CHECK(last.confirmed == 1);
    // There the wait ends: the probe goes home, and the call is cancelled.
    circle.other.cancel(Circle::call_back);
    circle.other.probe(Body::home_for(last, {}));
    circle.pass(1ms);
    circle.answer();
    CHECK(circle.node.get<&Node::count>().get() == 0);
    CHECK(circle.sent.count() == 3);
  });
}

TEST_CASE("no circle is seen where a wait is another one in the second round") {
  using Change = void (*)(Circle&, Body&);
  Change const changes[] = {
      [](Circle&, Body& body) { --body.hops[0].born_ns; },
      [](Circle&, Body& body) { --body.confirmed; },
      [](Circle&, Body& body) { body.hops[1].begun = true; },  // it was put aside, and still is
      [](Circle& circle, Body&) { circle.other.cancel(Circle::call_back); },
      [](Circle&, Body& body) { body.number = 6; },
  };
  for (auto const change : changes)
    in_twin([change] {
      Circle circle;
      circle.play(1, 1000);
      auto changed = circle.go_on(circle.sent.bodies[1], 0);
      change(circle, changed);
      circle.other.probe(changed);
      circle.pass(1ms);
      CHECK_FALSE(circle.sent.bodies.back().round == 2);
      circle.answer();
    });
}

TEST_CASE("a wait that ended in time, between two rounds, is no circle") {
  in_twin([] {
    Circle circle;
    circle.play(1, 1000);
    circle.answer();
    circle.other.probe(circle.go_on(circle.sent.bodies[1], 0));
    circle.pass(100ms);
    CHECK(circle.sent.count() == 2);
    CHECK(circle.node.get<&Node::count>().get() == 1);
  });
}

TEST_CASE("a probe that finds nothing comes home, and the next one is another; a lost one is forgotten") {
  in_twin([] {
    Circle circle;
    circle.pass(100ms);
    REQUIRE(circle.sent.count() == 1);
    auto const first = circle.sent.bodies[0];
    circle.other.probe(Body::home_for(first, {}));
    circle.pass(500ms);
    REQUIRE(circle.sent.count() == 2);
    auto const second = circle.sent.bodies[1];
    CHECK(second.serial != first.serial);
    circle.other.probe(Body::home_for(first, {}));  // again
    circle.other.probe(circle.go_on(first, 0));
    circle.pass(2000ms);
    CHECK(circle.sent.count() == 2);
    circle.pass(3000ms);
    REQUIRE(circle.sent.count() == 3);  // the second one was lost
    circle.other.probe(circle.go_on(second, 0));
    circle.pass(1ms);
    CHECK(circle.sent.count() == 3);
    circle.other.probe(circle.go_on(circle.sent.bodies[2], 1000));
    circle.pass(1ms);
    REQUIRE(circle.sent.count() == 4);
    circle.other.probe(circle.go_on(circle.sent.bodies[3], 0));
    CHECK(circle.waits.get().starts_with("CallCycle: "));
  });
}

TEST_CASE("where no link takes a probe, it looks again later") {
  in_twin([] {
    Circle circle;
    circle.sent.takes = false;
    circle.pass(200ms);
    CHECK(circle.sent.count() == 0);
    circle.sent.takes = true;
    circle.pass(1000ms);
    CHECK(circle.sent.count() == 1);
    circle.answer();
  });
}

/// Env 7 has called a Worker that waits for one of Env 9, and probes after it.
struct Passage {
  Passage() : node(corps::create<Node>(corps::here()).get()), clock(corps::create<Node>(corps::here()).get()) {
    seven.call<&Node::wait_abroad>(1, node, handle(nine.link));
    pass();
    body = {.number = 1,
            .home = {7, conc_abroad},
            .serial = 3,
            .way = {7},
            .hops = {{.worker = {7, conc_abroad}, .by_id = 1, .call_id = 2, .method = 3, .target = node.address()}}};
  }
  ~Passage() { nine.end(node); }
  Passage(Passage const&) = delete;
  Passage& operator=(Passage const&) = delete;

  void pass() { clock.call<&Node::pass>(1).get(); }

  Sent sent;
  Other seven{7};
  Other nine{9};
  Name<Node> const node;
  Name<Node> const clock;
  Body body;
};

TEST_CASE("a probe of another Env goes on to a third one, and home the way it came") {
  in_twin([] {
    Passage passage;
    passage.seven.probe(passage.body);
    passage.pass();
    REQUIRE(passage.sent.targets == std::vector<EnvId>{9});
    auto const on = passage.sent.bodies[0];
    CHECK(on.number == 1);
    CHECK(on.home == passage.body.home);
    CHECK(on.serial == 3);
    CHECK(on.way == std::vector<EnvId>{7, here});
    REQUIRE(on.hops.size() == 2);
    CHECK(on.hops[0].begun);
    CHECK(on.hops[1].worker == passage.node.address());
    CHECK(on.hops[1].target == ConcAddr{9, conc_abroad});

    passage.nine.probe(Body::home_for(on, {7}));
    REQUIRE(passage.sent.targets == std::vector<EnvId>{9, 7});
    CHECK(passage.sent.bodies[1].number == 0);
    CHECK(passage.sent.bodies[1].way.empty());

    // Its third round may be meant for the wait here.
    auto ends = on;
    ends.way = {7};
    ends.round = 2;
    ends.confirmed = 1;
    ends.chosen = 1;
    passage.seven.probe(ends);
    passage.pass();
    CHECK(passage.sent.targets == std::vector<EnvId>{9, 7, 7});
    CHECK(passage.node.call<&Node::quick>().get() == 1);
  });
}

TEST_CASE("a probe of another Env that finds nothing goes home at once") {
  using Change = void (*)(Body&);
  Change const changes[] = {
      [](Body& body) { body.number = 77; },
      [](Body& body) {  // the wait is another one than before
        body.round = 1;
        body.confirmed = 1;
        body.hops[0].begun = true;
        body.hops.push_back(body.hops[0]);
      },
      [](Body& body) {  // the call was not begun before
        body.round = 1;
        body.confirmed = 1;
      },
      [](Body& body) { body.way = std::vector<EnvId>(corps::mail::probe_way_max, 7); },
      [](Body& body) { body.hops = std::vector<Hop>(corps::mail::probe_hops_max, body.hops[0]); },
  };
  for (auto const change : changes)
    in_twin([change] {
      Passage passage;
      auto body = passage.body;
      change(body);
      passage.seven.probe(body);
      passage.pass();
      REQUIRE(passage.sent.targets == std::vector<EnvId>{7});
      CHECK(passage.sent.bodies[0].number == 0);
      CHECK(passage.sent.bodies[0].serial == 3);
      CHECK(passage.sent.bodies[0].way.size() == body.way.size() - 1);
    });
}

TEST_CASE("bytes that are no probe are refused; whatever a peer sends, no wait ends that it does not know") {
  in_twin([] {
    Passage passage;
    auto const refused = [&](auto change) {
      auto body = passage.body;
      change(body);
      CHECK_THROWS_AS(passage.seven.probe(body), corps::DecodeError);
    };
    refused([](Body& body) { body.way = {9}; });
    refused([](Body& body) { body.way.clear(); });
    refused([](Body& body) { body.way = std::vector<EnvId>(corps::mail::probe_way_max + 1, 7); });
    refused([](Body& body) { body.hops.clear(); });
    refused([](Body& body) { body.hops = std::vector<Hop>(corps::mail::probe_hops_max + 1, body.hops[0]); });
    refused([](Body& body) { body.round = 3; });
    refused([](Body& body) { body.confirmed = 1; });
    refused([](Body& body) { body.round = 1; });
    refused([](Body& body) { body.round = 1, body.confirmed = 2; });
    refused([](Body& body) { body.chosen = 1; });
    auto const packed = passage.body.packed();
    auto const whole = packed.view();
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK_THROWS_AS(passage.seven.link.on_probe(whole.first(size)), corps::DecodeError);
    std::vector<std::byte> longer(whole.begin(), whole.end());
    longer.push_back({});
    CHECK_THROWS_AS(passage.seven.link.on_probe(corps::net::Piece(longer)), corps::DecodeError);

    std::mt19937 random{1};
    for (int i = 0; i < 500; ++i) {
      std::vector<std::byte> bytes(whole.begin(), whole.end());
      for (auto flips = 1 + random() % 4; flips > 0; --flips) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      try {
        passage.seven.link.on_probe(corps::net::Piece(bytes));
      } catch (corps::DecodeError const&) {
      }
    }
    passage.pass();
    for (auto const& body : passage.sent.bodies) CHECK(body.round != 2);
    passage.nine.tell(&Link::on_answer, std::uint64_t{1}, 42);
    CHECK(passage.node.call<&Node::quick>().get() == 1);
  });
}

TEST_CASE("a link sends probes behind calls that are open, and only where it is connected") {
  runtime_kit::Running corps;
  Link link{here, 7, {.fragment_bytes = 1000}};
  auto const body = std::array<std::byte, 100>{};
  CHECK_FALSE(link.send_probe(corps::mail::probe_goes_home, body));
  auto carrier = std::make_shared<corps::net::test::MemoryCarrier>(corps::net::Peer{7, 1});
  REQUIRE(link.carrier_up(carrier, true));
  auto const own_id = corps::net::get_number<std::uint64_t>(carrier->way.front().data() + corps::net::header_bytes);
  carrier->way.clear();
  corps::detail::ByteBuffer resume;
  corps::Packer out{resume};
  out(std::uint64_t{200}, own_id, std::uint64_t{0}, std::uint64_t{1} << 30);
  corps::net::Frame const greeting{corps::net::FrameKind::resume, 0, resume.view()};
  link.take(*carrier, {&greeting, 1});
  auto const node = corps::create<Node>(corps::here()).get();
  auto waits = node.call<&Node::wait_abroad>(handle(link));
  while (link.seen().open_calls == 0) std::this_thread::yield();
  CHECK(runtime_kit::error_of(node.within(10ms).call<&Node::quick>()).code == corps::Errc::timeout);  // it waits
  CHECK(link.send_probe(1, body));
  CHECK_FALSE(link.send_probe(2, body));
  CHECK_FALSE(link.send_probe(1, std::array<std::byte, 1001>{}));
  CHECK(link.send_probe(corps::mail::probe_goes_home, body));
  CHECK(carrier->text() == "request 1 (41 bytes), probe 2 (100 bytes), probe 3 (100 bytes)");
  link.env_ended("the test is over");
  link.give_up({});
  CHECK(waits.get().starts_with("WorkerLost: "));
}

}  // namespace net_cycle_test
