#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

#include "corps/error.hpp"
#include "env/net/internal/tls_channel.hpp"
#include "test/unit/tls_site.hpp"

namespace corps::net {
namespace net_tls_test {

using namespace std::chrono_literals;
using test::Bytes;
using test::Connection;
using test::dial_failure;
using test::Flush;
using test::frame_bytes;
using test::has;
using test::identity_of;
using test::line_of;
using test::listen;
using test::Manner;
using test::Node;
using test::raw_client;
using test::RawServer;
using test::RawSocket;
using test::RawTls;
using test::SendResult;
using test::Site;
using test::view;

/// Two Envs with one connection: 1 dialled 0.
struct Connected {
  explicit Connected(Site& site, std::uint64_t records_per_key = TlsSettings{}.records_per_key)
      : server(identity_of(0), make(site, records_per_key)), client(identity_of(1), make(site, records_per_key)) {
    client.network.dial(server.self(), {listen(server)});
    to_server = client.opened();
    to_client = server.opened();
    REQUIRE(to_server);
    REQUIRE(to_client);
  }
  static NetSettings make(Site& site, std::uint64_t records_per_key) {
    auto settings = site.settings();
    auto files = test::settings_of(site.folder, site.ca.pem(), site.ca.issue({}));
    files.records_per_key = records_per_key;
    settings.tls = std::make_shared<TlsContext>(files);
    return settings;
  }

  Node server;
  Node client;
  std::shared_ptr<Connection> to_server;
  std::shared_ptr<Connection> to_client;
};

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; at += sizeof(seed)) {
    seed = seed * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    std::memcpy(bytes.data() + at, &seed, std::min(sizeof(seed), size - at));
  }
  return bytes;
}

bool same(std::string const& left, Bytes const& right) {
  return left.size() == right.size() && std::memcmp(left.data(), right.data(), right.size()) == 0;
}

TEST_CASE("tls: two Envs with certificates of one CA speak") {
  Site site;
  Node server(identity_of(0), site.settings());
  Node client(identity_of(1), site.settings());
  server.answers = true;
  auto const endpoint = listen(server);
  CHECK(endpoint.text.starts_with("tls:127.0.0.1:"));
  client.network.dial({0, 1}, {endpoint});
  auto const to_server = client.opened();
  REQUIRE(to_server);
  CHECK(to_server->peer() == Peer{0, 1});
  CHECK(to_server->send(FrameKind::request, view("hello "), view("world")) == SendResult::sent);
  REQUIRE(client.wait([&] { return !client.frames.empty(); }));
  CHECK(client.frames[0].payload == "hello world");
  to_server->flush_and_close("that was all");
  REQUIRE(server.wait([&] { return !server.closed.empty(); }));
  CHECK(server.closed[0].second == "peer said goodbye: that was all");
  CHECK(server.endings[0] == Ending::final);
  REQUIRE(client.wait([&] { return !client.closed.empty(); }));
  CHECK(client.closed[0].second == "that was all");
  CHECK(server.lines.empty());
  CHECK(client.lines.empty());
}

TEST_CASE("tls: large messages pass both ways at once, between small ones of many threads") {
  Site site;
  Connected pair(site);
  auto const large = pattern(20'000'000, 7);
  constexpr std::uint32_t small_each = 2'000;
  std::vector<std::thread> senders;
  for (auto const* const from : {&pair.to_server, &pair.to_client}) {
    senders.emplace_back([&, from] { (*from)->send(FrameKind::control, large); });
    for (std::uint32_t thread = 0; thread < 2; ++thread) {
      senders.emplace_back([&, from, thread] {
        for (std::uint32_t i = 0; i < small_each; ++i) {
          Bytes head(8 + (i * 37) % 3000);
          put_number(head.data(), thread);
          put_number(head.data() + 4, i);
          (*from)->send(FrameKind::request, head, {}, i % 3 == 0 ? Flush::later : Flush::now);
        }
        (*from)->flush();
      });
    }
  }
  for (auto& sender : senders) sender.join();
  for (auto* const node : {&pair.server, &pair.client}) {
    REQUIRE(node->wait([&] { return node->frames.size() == 2 * small_each + 1; }));
    std::array<std::uint32_t, 2> next{};
    bool good = true;
    for (auto const& frame : node->frames) {
      auto const bytes = view(frame.payload);
      if (frame.kind == FrameKind::control) {
        good = good && same(frame.payload, large);
        continue;
      }
      auto const number = get_number<std::uint32_t>(bytes.data() + 4);
      good = good && number == next[get_number<std::uint32_t>(bytes.data())]++ && bytes.size() == 8 + (number * 37) % 3000;
    }
    CHECK(good);
  }
}

TEST_CASE("tls: what the socket does not take is sent when it does") {
  Site site;
  Connected pair(site);
  pair.server.answers = true;  // its answers fill both sockets while it reads
  auto const part = pattern(300'000, 3);
  for (int i = 0; i < 60; ++i) pair.to_server->send(FrameKind::request, part);
  REQUIRE(pair.client.wait([&] { return pair.client.frames.size() == 60; }));
  CHECK(std::ranges::all_of(pair.client.frames, [&](auto const& frame) { return same(frame.payload, part); }));
}

TEST_CASE("tls: keys are renewed under way, in both directions") {
  Site site;
  Connected pair(site, 3);
  pair.server.answers = true;
  for (std::size_t i = 1; i <= 100; ++i) {
    pair.to_server->send(FrameKind::request, pattern(40'000, i));
    if (i % 10 == 0) REQUIRE(pair.client.wait([&] { return pair.client.frames.size() == i; }));
  }
  for (std::size_t i = 0; i < 100; ++i) CHECK(same(pair.client.frames[i].payload, pattern(40'000, i + 1)));
}

// --- who is refused, and what is said of it at both ends ----------------------------------------------------------
TEST_CASE("tls: only TLS 1.3 and only corps/1 are spoken") {
  Site site;
  Manner manner{.own = site.ca.issue({})};
  std::string told;
  SUBCASE("TLS 1.2") {
    manner.version = TLS1_2_VERSION;
    told = "TLS: the peer does not speak TLS 1.3, and no older version is spoken";
  }
  SUBCASE("another protocol") {
    manner.protocol = "h2";
    told = "TLS: the peer is no Env: it does not speak corps/1";
  }
  SUBCASE("no protocol") {
    manner.protocol.clear();
    told = "TLS: the peer is no Env: it does not speak corps/1";
  }
  Node server(identity_of(0), site.settings());
  auto client = raw_client(listen(server), manner);
  if (client.shake_hands()) CHECK(client.read(1).empty());
  CHECK(has(line_of(server), told));
  if (manner.protocol != "corps/1") return;
  RawServer raw(manner);
  Node dialling(identity_of(1), site.settings());
  dialling.network.dial({0, 1}, {raw.endpoint()});
  CHECK(has(dial_failure(dialling), told));
}

TEST_CASE("tls: an Env without it and an Env with it say what to do") {
  Site site;
  Node with(identity_of(0), site.settings());
  Node without(identity_of(1));
  SUBCASE("dialled by one without") {
    auto const endpoint = listen(with);
    without.network.dial({0, 1}, {endpoint});
    CHECK(has(dial_failure(without), "needs TLS: set net.tls_ca, net.tls_certificate and net.tls_key"));
    RawSocket plain(endpoint);
    plain.send(magic);
    CHECK(plain.read_to_end());
    CHECK(has(line_of(with), "TLS: the peer does not speak TLS"));
  }
  SUBCASE("dialling one without") {
    auto const plain = without.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0);
    with.network.dial({1, 1}, {plain, Endpoint{"tls" + plain.text.substr(3)}});
    auto const why = dial_failure(with);
    CHECK(has(why, plain.text + ": is without TLS, and this Env has it (net.tls_ca): set it for all Envs of the Corps"));
    CHECK(has(why, "TLS: connection closed by peer before the handshake was done; if it stays so, see its log"));
    CHECK(
        has(line_of(without), "bad magic: the peer speaks TLS, and this Env does not; set net.tls_ca for all Envs of the Corps"));
  }
}

// --- certificates that are renewed ---------------------------------------------------------------------------------

TEST_CASE("tls: inside it the secret is proved, and a certificate is not enough") {
  Site site;
  auto stranger = identity_of(1);
  stranger.secret[0] = std::byte{1};
  Node server(identity_of(0), site.settings());
  Node client(stranger, site.settings());
  client.network.dial({0, 1}, {listen(server)});
  CHECK(has(dial_failure(client), "refused: the peer is of another Corps, of another boot of it, or has another secret"));
  CHECK(has(line_of(server), "wrong secret: env 1, epoch 1 is claimed, not proved"));
}

TEST_CASE("tls: proofs that are passed on from one connection to another prove nothing") {
  Site site;
  Node server(identity_of(0), site.settings());
  Node client(identity_of(1), site.settings());
  // Between the two stands somebody with a certificate of the same CA, who speaks TLS with each and passes on what they say.
  auto const listener = listen_on(Endpoint{"tcp:127.0.0.1:0"});
  client.network.dial({0, 1}, {endpoint_of(listener.get(), true)});
  Manner const manner{.own = site.ca.issue({.name = "between"})};
  RawTls with_client(RawServer::accept_one(listener.get()), manner, true);
  REQUIRE(with_client.shake_hands());
  auto with_server = raw_client(listen(server), manner);
  REQUIRE(with_server.shake_hands());
  CHECK(with_client.binding() != with_server.binding());
  constexpr auto introduction = magic.size() + header_bytes + hello_bytes;
  REQUIRE(with_server.send(with_client.read(introduction)));
  REQUIRE(with_client.send(with_server.read(introduction)));
  REQUIRE(with_server.send(with_client.read(header_bytes + proof_bytes)));
  CHECK(has(line_of(server), "wrong secret: env 1, epoch 1 is claimed, not proved"));
}

// --- bytes that nobody should send ---------------------------------------------------------------------------------

TEST_CASE("tls: garbage in place of the handshake, or inside, closes the connection") {
  Site site;
  Node server(identity_of(0), site.settings());
  auto const endpoint = listen(server);
  SUBCASE("before it") {
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
      RawSocket socket(endpoint);
      auto garbage = pattern(seed * 7, seed);
      if (seed % 2 == 0)
        std::ranges::copy(Bytes{std::byte{22}, std::byte{3}, std::byte{1}, std::byte{64}, std::byte{0}}, garbage.begin());
      socket.send(garbage);
      socket.end_sending();
      CHECK(socket.read_to_end());
    }
    CHECK(server.wait([&] { return !server.lines.empty(); }));
  }
  SUBCASE("a handshake cut short") {
    // A true ClientHello, at each of some lengths.
    TlsChannel channel(site.settings().tls, TlsRole::client);
    channel.read({});
    std::array<int, 2> sockets{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
    host::UniqueFd const ours(sockets[0]);
    RawSocket theirs{host::UniqueFd(sockets[1])};
    channel.write(ours.get(), {});
    ::shutdown(ours.get(), SHUT_WR);
    auto const hello = theirs.read_to_end();
    REQUIRE(hello);
    REQUIRE(hello->size() > 100);
    for (std::size_t size = 0; size <= hello->size(); size += 1 + hello->size() / 20) {
      RawSocket socket(endpoint);
      socket.send(std::span(*hello).first(size));
      socket.end_sending();
      CHECK(socket.read_to_end());
    }
    CHECK(has(line_of(server), "TLS: connection closed by peer before the handshake was done"));
  }
  SUBCASE("in the middle of it") {
    auto client = raw_client(endpoint, {.own = site.ca.issue({})});
    REQUIRE(client.shake_hands());
    CHECK(::send(client.fd(), "no record", 9, MSG_NOSIGNAL) == 9);
    CHECK(client.read(1).empty());
    CHECK(has(line_of(server), "TLS: "));
  }
  SUBCASE("inside it") {
    auto client = raw_client(endpoint, {.own = site.ca.issue({})});
    REQUIRE(client.shake_hands());
    REQUIRE(client.send(view("GET / HTTP/1.1\r\n\r\n")));
    CHECK(client.read(1).empty());
    CHECK(has(line_of(server), "bad magic"));
  }
  CHECK(server.connections.empty());
}

/// Over its channel, one that has proved to be `identity`.
bool authenticate(RawTls& tls, Identity const& identity, Peer expected) {
  auto client = Handshake::client(identity, expected, host::Random::system());
  client.bind(tls.binding());
  for (;;) {
    auto const output = client.output();
    if (!output.empty() && !tls.send(output)) return false;
    if (client.state() == Handshake::State::established) return true;
    auto const got = tls.read(1);
    std::span<std::byte const> bytes = got;
    if (got.empty() || client.feed(bytes) == Handshake::State::failed) return false;
  }
}

TEST_CASE("tls: after the handshake") {
  Site site;
  Node server(identity_of(0), site.settings());
  auto client = raw_client(listen(server), {.own = site.ca.issue({})});
  REQUIRE(client.shake_hands());
  REQUIRE(authenticate(client, identity_of(1), {0, 1}));
  REQUIRE(server.opened());
  REQUIRE(client.send(frame_bytes(FrameKind::request, view("first"))));
  REQUIRE(server.wait([&] { return server.frames.size() == 1; }));
  auto const closed = [&] {
    server.wait([&] { return !server.closed.empty(); });
    std::lock_guard const lock(server.mutex);
    return server.closed.empty() ? "not closed" : server.closed[0].second;
  };
  SUBCASE("bytes that are no record break the connection, and the session may go on") {
    CHECK(::send(client.fd(), "\x17\x03\x03\x00\x20 these are no bytes of the peer....", 38, MSG_NOSIGNAL) == 38);
    CHECK(has(closed(), "TLS: what came is no record of the peer"));
    CHECK(server.endings[0] == Ending::cut);
  }
  SUBCASE("a frame that is not legal ends it") {
    REQUIRE(client.send(frame_bytes(FrameKind::hello, view("again"))));
    CHECK(has(closed(), "hello"));
    CHECK(server.endings[0] == Ending::final);
  }
  SUBCASE("a connection that ends in the middle of a record") {
    CHECK(::send(client.fd(), "\x17\x03\x03\x40\x00 half", 10, MSG_NOSIGNAL) == 10);
    ::shutdown(client.fd(), SHUT_WR);
    CHECK(closed() == "connection closed by peer");
    CHECK(server.endings[0] == Ending::cut);
  }
  CHECK(server.frames.size() == 1);
}

TEST_CASE("tls: who stalls is closed at the deadline") {
  Site site;
  auto settings = site.settings();
  settings.handshake_limit = 600ms;
  Node server(identity_of(0), settings);
  auto const endpoint = listen(server);
  RawSocket silent(endpoint);
  RawSocket begun(endpoint);
  begun.send(Bytes{std::byte{22}, std::byte{3}, std::byte{1}, std::byte{2}, std::byte{0}, std::byte{1}});
  auto inside = raw_client(endpoint, {.own = site.ca.issue({})});
  inside.shake_hands();
  CHECK(silent.read_to_end() == Bytes{});
  CHECK(begun.read_to_end() == Bytes{});
  CHECK(inside.read(1).empty());
  REQUIRE(server.wait([&] { return server.lines.size() == 3; }));
  for (auto const& line : server.lines) CHECK(has(line, "or the handshake not done, after 600 ms"));
}

// --- files ----------------------------------------------------------------------------------------------------------
}  // namespace net_tls_test
}  // namespace corps::net
