// Peers on other hosts that go without a word are noticed; those that are merely quiet, or slow, are not.

#include <doctest/doctest.h>

#include "env/net/internal/pulse.hpp"
#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_heartbeat_test {

using namespace std::chrono_literals;
using test::authenticate;
using test::identity_of;
using test::Node;
using test::RawSocket;

constexpr std::uint64_t ms = 1'000'000;

NetSettings beating(std::chrono::nanoseconds interval, std::chrono::nanoseconds limit, bool to_all = true) {
  NetSettings settings;
  settings.heartbeats = {.interval = interval, .silence_limit = limit, .to_all = to_all};
  return settings;
}

Endpoint listen_tcp(Node& node) { return node.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0); }

TEST_CASE("heartbeats: the default notices a silent peer within 5 s, and no other one") {
  Pulse pulse({}, 0);
  std::uint64_t now = 0;
  auto const silence_at_next_beat = [&] { return pulse.beat(now += 500 * ms); };
  for (int i = 0; i < 5; ++i) CHECK_FALSE(silence_at_next_beat());
  pulse.hear();
  for (int i = 0; i < 6; ++i) CHECK_FALSE(silence_at_next_beat());
  auto const silence = silence_at_next_beat();
  REQUIRE(silence);
  CHECK(*silence == 3s);
}

TEST_CASE("heartbeats: time in which this process did not run is not the peer's silence") {
  Pulse pulse({.interval = 500ms, .silence_limit = 1400ms, .to_all = false}, 0);
  CHECK_FALSE(pulse.beat(10'000 * ms));
  CHECK_FALSE(pulse.beat(20'000 * ms));
  CHECK_FALSE(pulse.beat(20'500 * ms));
  CHECK(pulse.beat(21'000 * ms) == 11s);
}

TEST_CASE("heartbeats: a connection that is made just before a beat has its whole time") {
  Pulse pulse({.interval = 500ms, .silence_limit = 500ms, .to_all = false}, 499 * ms);
  CHECK_FALSE(pulse.beat(500 * ms));
  CHECK(pulse.beat(1'000 * ms) == 500ms);
}

TEST_CASE("heartbeats: a peer that says nothing is cut, one of this host is not looked at") {
  for (bool const idle : {true, false}) {
    CAPTURE(idle);
    Node node(identity_of(0), beating(10ms, 50ms));
    auto const at = listen_tcp(node);
    RawSocket silent{at};
    REQUIRE(authenticate(silent, identity_of(1), {0, 1}));
    auto const connection = node.opened();
    REQUIRE(connection);
    // Busy: with more to be sent than the socket takes, and a peer that does not read.
    std::string const much(std::size_t{1} << 20, 'x');
    if (!idle)
      for (int i = 0; i < 32; ++i) connection->send(FrameKind::request, test::view(much));
    REQUIRE(node.wait([&] { return !node.closed.empty(); }));
    CHECK(node.closed[0].second.starts_with("nothing was heard of it for "));
    CHECK(node.endings[0] == Ending::cut);
    REQUIRE(node.lines.size() == 1);
    CHECK(node.lines[0].starts_with("cut the connection with env 1, epoch 1 at 127.0.0.1:"));
  }
  Node node(identity_of(0), beating(1ms, 1ms, false));
  auto const at = listen_tcp(node);
  RawSocket silent{at};
  REQUIRE(authenticate(silent, identity_of(1), {0, 1}));
  RawSocket other{node.listen()};
  REQUIRE(authenticate(other, identity_of(2), {0, 1}));
  REQUIRE(node.opened(1));
  for (auto const* socket : {&silent, &other}) CHECK(within_host(socket->fd()));
  node.network.stop(0ms);
  for (auto const& [connection, reason] : node.closed) CHECK(reason.find("nothing was heard") == std::string::npos);
}

TEST_CASE("heartbeats: two that have nothing to say stay together") {
  Node server(identity_of(0), beating(5ms, 5s));
  Node client(identity_of(1), beating(5ms, 5s));
  client.network.dial({0, 1}, {listen_tcp(server)});
  for (auto* const node : {&server, &client}) CHECK(node->wait([&] { return node->frames.size() > 20; }));
  CHECK(server.closed.empty());
  CHECK(client.closed.empty());
}

}  // namespace net_heartbeat_test
}  // namespace corps::net
