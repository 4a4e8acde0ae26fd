// Several addresses, names, both families: the first that can be connected is taken, and every failure says each address and why.

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <future>

#include "corps/error.hpp"
#include "env/net/internal/dialer.hpp"
#include "env/net/internal/own_addresses.hpp"
#include "env/net/internal/resolver.hpp"
#include "env/net/internal/unpacking.hpp"
#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_dial_test {

using namespace std::chrono_literals;
using test::identity_of;
using test::Node;
using test::RawSocket;

std::string texts(std::vector<Endpoint> const& endpoints) {
  std::string all;
  for (auto const& endpoint : endpoints) all += (all.empty() ? "" : " ") + endpoint.text;
  return all;
}

bool has_ipv6() {
  try {
    listen_on({"tcp:[::1]:0"});
    return true;
  } catch (ConfigError const&) {
    MESSAGE("no IPv6 loopback here");
    return false;
  }
}

/// Listens, and answers nobody: the system holds back whoever comes, since nobody accepts those that came first.
class BlackHole {
 public:
  BlackHole() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof(loopback)) == 0);
    REQUIRE(::listen(listener_.get(), 0) == 0);
    endpoint = endpoint_of(listener_.get());
    for (int i = 0; i < 3; ++i) fill_.push_back(std::move(std::get<Connecting>(connect_to(endpoint)).fd));
  }
  Endpoint endpoint;

 private:
  host::UniqueFd listener_;
  std::vector<host::UniqueFd> fill_;
};

Endpoint closed_port(std::string const& address) {
  auto const fd = listen_on({"tcp:" + address + ":0"});
  return endpoint_of(fd.get());
}

Node::FailedDial failure(Node& node) {
  REQUIRE(node.wait([&] { return !node.failed_dials.empty(); }));
  return node.failed_dials.front();
}

NetSettings with_names(Resolver::Lookup lookup, std::chrono::nanoseconds limit = 5s) {
  NetSettings settings;
  settings.handshake_limit = limit;
  settings.lookup = std::move(lookup);
  return settings;
}

TEST_CASE("dial: this host first, then the families by turns") {
  CHECK(texts(in_order_to_try({{"tls:10.0.0.1:1"},
                               {"tls:10.0.0.2:1"},
                               {"tls:[fd00::1]:1"},
                               {"unix:@x"},
                               {"tls:[fd00::2]:1"},
                               {"tls:[fd00::3]:1"}})) ==
        "unix:@x tls:10.0.0.1:1 tls:[fd00::1]:1 tls:10.0.0.2:1 tls:[fd00::2]:1 tls:[fd00::3]:1");
  CHECK(texts(in_order_to_try({{"tls:[fd00::1]:1"}, {"tls:10.0.0.1:1"}, {"tls:10.0.0.2:1"}})) ==
        "tls:[fd00::1]:1 tls:10.0.0.1:1 tls:10.0.0.2:1");
  CHECK(in_order_to_try({}).empty());
}

TEST_CASE("dial: what is a name") {
  CHECK(host_name({"tcp:localhost:80"}) == "localhost");
  CHECK(host_name({"tls:host-2.example:80"}) == "host-2.example");
  for (std::string const text :
       {"tcp:127.0.0.1:80", "tls:[::1]:80", "tls:[fe::a]:80", "unix:@name", "tls:ho st:80", "tls:a/b:80", ""})
    CHECK(host_name({text}) == "");
  CHECK(with_address({"tls:host:80"}, "[::1]").text == "tls:[::1]:80");
}

TEST_CASE("dial: an address that does not answer holds nobody up") {
  BlackHole hole;
  Node server(identity_of(0));
  Node client(identity_of(1), with_names({}, 20s));
  auto const good = server.network.listen({Endpoint{has_ipv6() ? "tcp:[::1]:0" : "tcp:127.0.0.1:0"}}).at(0);
  client.network.dial({0, 1}, {hole.endpoint, good});
  CHECK(client.opened());
  CHECK(client.failed_dials.empty());
}

TEST_CASE("dial: each address that failed is named, with its reason") {
  Node client(identity_of(1), with_names({}, 300ms));
  BlackHole hole;
  auto const v4 = closed_port("127.0.0.1").text;
  auto const v6 = has_ipv6() ? closed_port("[::1]").text : closed_port("127.0.0.2").text;
  client.network.dial({0, 1}, {Endpoint{v4}, hole.endpoint, Endpoint{v6}});
  auto const reason = failure(client).reason;
  CHECK(reason.find(v4 + ": connection refused: nobody listens there") != std::string::npos);
  CHECK(reason.find(v6 + ": connection refused: nobody listens there") != std::string::npos);
  CHECK(reason.find(hole.endpoint.text + ": not connected after 300 ms") != std::string::npos);
}

TEST_CASE("dial: whoever is connected but not the peer gives way to the next") {
  auto other = identity_of(0);
  other.secret[0] = std::byte{1};
  Node stranger(other);
  Node server(identity_of(0));
  Node client(identity_of(1));
  client.network.dial({0, 1}, {stranger.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0),
                               server.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0)});
  CHECK(client.opened());
  CHECK(client.failed_dials.empty());
}

TEST_CASE("dial: names are looked up") {
  Node server(identity_of(0));
  auto const at = server.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0);
  auto const named = with_address(at, "host2.example");
  SUBCASE("and their addresses tried") {
    Node client(identity_of(1), with_names([](std::string const& host) -> Resolver::Answer {
                  return host == "host2.example" ? Resolver::Answer{{"[::1]", "127.0.0.1"}, {}} : Resolver::Answer{{}, "?"};
                }));
    client.network.dial({0, 1}, {named});
    CHECK(client.opened());
    CHECK(client.failed_dials.empty());
  }
  SUBCASE("by the system") {
    Node client(identity_of(1));
    client.network.dial({0, 1}, {with_address(at, "localhost")});
    CHECK(client.opened());
  }
  SUBCASE("what has none is told") {
    Node client(identity_of(1), with_names([](std::string const&) -> Resolver::Answer { return {{}, "unknown"}; }));
    client.network.dial({0, 1}, {named, Endpoint{"tcp:host3:0"}});
    auto const reason = failure(client).reason;  // the two in either order
    CHECK(reason.find(named.text + ": no address of this host is known: unknown") != std::string::npos);
    CHECK(reason.find("tcp:host3:0: no address of this host is known: unknown") != std::string::npos);
  }
  SUBCASE("at most 16 addresses of each are tried") {
    Node client(identity_of(1), with_names([](std::string const&) -> Resolver::Answer {
                  return {std::vector<std::string>(1'000, "127.0.0.1"), {}};
                }));
    client.network.dial({0, 1}, {with_address({closed_port("127.0.0.1")}, "host2.example")});
    auto const reason = failure(client).reason;
    CHECK(std::ranges::count(reason, ';') == 15);
  }
  SUBCASE("one that nobody answers for does not hold up others") {
    std::promise<void> never;
    auto const wait = never.get_future().share();
    Node client(identity_of(1), with_names([wait](std::string const& host) -> Resolver::Answer {
                  if (host == "slow.example") wait.wait();
                  return {{"127.0.0.1"}, {}};
                }));
    client.network.dial({7, 1}, {with_address(at, "slow.example")});
    client.network.dial({0, 1}, {named});
    CHECK(client.opened());
    never.set_value();
  }
  SUBCASE("an answer that does not come is not waited for, also not at the end") {
    std::promise<void> never;
    auto const wait = never.get_future().share();
    auto const late = [wait](std::string const&) -> Resolver::Answer {
      wait.wait();
      return {{}, "late"};
    };
    {
      Node impatient(identity_of(1), with_names(late, 50ms));
      impatient.network.dial({0, 1}, {named});
      CHECK(failure(impatient).reason == named.text + ": the addresses of this host were not found within 50 ms");
      Node client(identity_of(2), with_names(late, 10s));
      client.network.dial({0, 1}, {named, at});
      CHECK(client.opened());
    }
    never.set_value();
  }
}

TEST_CASE("dial: a wildcard is both families, and is told as the addresses of this host") {
  auto const fd = listen_on({"tls:[::]:0"});
  auto const listening = endpoint_of(fd.get(), true);
  if (listening.text.starts_with("tls:[::]:")) {
    for (std::string const address : {"127.0.0.1", "[::1]"}) {
      if (address == "[::1]" && !has_ipv6()) continue;
      RawSocket socket{with_address(listening, address)};
      REQUIRE(socket);
      host::UniqueFd const accepted(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
      CHECK(remote_text(accepted.get()).starts_with(address + ":"));
      CHECK(within_host(accepted.get()));
    }
  }
  for (auto const& endpoint : reachable_at(listening)) {
    CAPTURE(endpoint.text);
    CHECK(endpoint.text.find("[::]") == std::string::npos);
    CHECK(std::holds_alternative<Connecting>(connect_to(endpoint)));
  }
  CHECK(texts(reachable_at({"tcp:127.0.0.1:80"})) == "tcp:127.0.0.1:80");
  Node node(identity_of(0));
  CHECK_THROWS_AS(node.network.listen({Endpoint{"tcp:[::]:0"}}), ConfigError);
}

TEST_CASE("dial: the system keeps little of what is sent and not read, in front of what is sent later") {
  auto const listener = listen_on({"tcp:127.0.0.1:0"});
  auto const sender = std::move(std::get<Connecting>(connect_to(endpoint_of(listener.get()))).fd);
  host::UniqueFd const receiver(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(receiver);
  tune(sender.get());
  tune(receiver.get());
  std::vector<char> const bytes(std::size_t{64} << 10);
  std::size_t kept = 0;
  ssize_t sent = 0;
  while ((sent = ::send(sender.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
    kept += static_cast<std::size_t>(sent);
  CHECK(errno == EAGAIN);
  CHECK(kept >= bytes.size());
  CHECK(kept <= std::size_t{768} << 10);
}

std::thread no_thread(std::string, std::function<void()>) {
  throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
}

TEST_CASE("where no thread can be started, a name is not looked up, and its dial fails") {
  corps::net::Reactor reactor;
  Resolver resolver(
      reactor,
      [](std::string const&) -> Resolver::Answer {
        return {{"127.0.0.1"}, {}};
      },
      &no_thread);
  std::string error;
  auto const ticket = resolver.look_up("host2.example", [&](Resolver::Answer const& answer) {
    error = answer.error;
    reactor.stop();
  });
  {
    auto const unwanted = resolver.look_up("host3.example", [](Resolver::Answer const&) { FAIL("nobody wants it"); });
  }
  reactor.run();
  CHECK(error.starts_with("no thread can be started to look it up: "));
}

TEST_CASE("where no thread can be started, large messages are unpacked where they come") {
  std::vector<corps::net::FrameKind> unpacked;
  corps::net::Unpacking unpacking(
      1000, [&](corps::net::Unpacking::Job& job) { unpacked.push_back(job.kind); }, &no_thread);
  for (auto const kind : {corps::net::FrameKind::request, corps::net::FrameKind::answer}) {
    unpacking.add({nullptr, {1, 2}, kind, {}});
    CHECK(unpacking.idle());
  }
  CHECK(unpacked == std::vector{corps::net::FrameKind::request, corps::net::FrameKind::answer});
}

}  // namespace net_dial_test
}  // namespace corps::net
