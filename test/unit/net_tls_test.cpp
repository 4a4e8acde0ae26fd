#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

#include "corps/error.hpp"
#include "env/net/internal/tls_channel.hpp"
#include "test/unit/net_test_kit.hpp"
#include "test/unit/tls_kit.hpp"

namespace corps::net {
namespace net_tls_test {

using namespace std::chrono_literals;
using test::Authority;
using test::Bytes;
using test::Connection;
using test::Flush;
using test::frame_bytes;
using test::identity_of;
using test::Manner;
using test::Node;
using test::Pem;
using test::RawSocket;
using test::RawTls;
using test::SendResult;
using test::view;
using test::Wish;

constexpr long day = 86'400;

/// A CA, and Envs that have certificates of it.
struct Site {
  NetSettings settings(Pem const& own, std::string const& trusted) {
    NetSettings settings;
    settings.handshake_limit = 10s;
    settings.tls = std::make_shared<TlsContext>(test::settings_of(folder, trusted, own));
    return settings;
  }
  NetSettings settings() { return settings(ca.issue({}), ca.pem()); }

  test::Folder folder;
  Authority ca;
};

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

Endpoint listen(Node& node) { return node.network.listen({Endpoint{"tls:127.0.0.1:0"}}).at(0); }

std::string dial_failure(Node& node) {
  node.wait([&] { return !node.failed_dials.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.failed_dials.empty() ? "not failed" : node.failed_dials.front().reason;
}

/// The first line of its log.
std::string line_of(Node& node) {
  node.wait([&] { return !node.lines.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.lines.empty() ? "no line" : node.lines.front();
}

RawTls raw_client(Endpoint const& endpoint, Manner const& manner) {
  auto result = connect_to(endpoint);
  RawSocket socket(std::move(std::get<Connecting>(result).fd));  // makes it blocking, with limits
  return RawTls(host::UniqueFd(::dup(socket.fd())), manner, false);
}

/// Accepts one connection and speaks TLS there, in a thread of its own, until the other side ends it.
class RawServer {
 public:
  explicit RawServer(Manner manner)
      : listener_(listen_on(Endpoint{"tcp:127.0.0.1:0"})), endpoint_(endpoint_of(listener_.get(), true)) {
    thread_ = std::thread([this, manner = std::move(manner)] {
      auto fd = accept_one(listener_.get());
      RawTls tls(std::move(fd), manner, true);
      if (tls.shake_hands()) tls.read(1 << 20);
      error_ = tls.error();
    });
  }
  RawServer(RawServer const&) = delete;
  RawServer& operator=(RawServer const&) = delete;
  ~RawServer() { join(); }

  static host::UniqueFd accept_one(int listener) {
    pollfd ready{listener, POLLIN, 0};
    ::poll(&ready, 1, 10'000);
    RawSocket socket(host::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)));
    return host::UniqueFd(::dup(socket.fd()));
  }

  Endpoint const& endpoint() const { return endpoint_; }
  /// What it was told in the end.
  std::string error() {
    join();
    return error_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  host::UniqueFd listener_;
  Endpoint endpoint_;
  std::string error_;
  std::thread thread_;
};

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

struct Bad {
  std::string name;
  Pem own;
  std::string told;   // in the log of the side that refuses
  std::string alert;  // at the side that is refused
};

std::vector<Bad> bad_certificates(Site& site, std::string const& usage_of_other_side) {
  static Authority const other("another CA");
  return {
      {"self-signed", Authority::self_signed({.name = "self"}),
       "TLS: the peer's certificate CN=self: is self-signed, and not in net.tls_ca; have it signed by a CA that is",
       "unknown ca"},
      {"of another CA", other.issue({.name = "foreign"}),
       "TLS: the peer's certificate CN=foreign: is not signed by a CA of net.tls_ca; have it signed by one", "unknown ca"},
      {"expired", site.ca.issue({.name = "old", .from_s = -2 * day, .until_s = -day}),
       "TLS: the peer's certificate CN=old: expired on 20", "certificate expired"},
      {"not yet valid", site.ca.issue({.name = "young", .from_s = day, .until_s = 2 * day}),
       "TLS: the peer's certificate CN=young: is not valid before 20", "bad certificate"},
      {"for another purpose", site.ca.issue({.name = "half", .usage = usage_of_other_side}),
       "TLS: the peer's certificate CN=half: is not for both sides of TLS", "unsupported certificate"},
  };
}

TEST_CASE("tls: a server refuses bad certificates, says why, and serves on") {
  Site site;
  Node server(identity_of(0), site.settings());
  auto const endpoint = listen(server);
  auto bad = bad_certificates(site, "serverAuth");
  bad.push_back({"none", {}, "TLS: the peer showed no certificate; set its net.tls_certificate", "certificate required"});
  for (auto const& each : bad) {
    CAPTURE(each.name);
    auto client = raw_client(endpoint, {.own = each.own});
    CHECK(client.shake_hands());    // a client is done before the server has seen its certificate
    CHECK(client.read(1).empty());  // and hears nothing from it but that
    CHECK(has(client.error(), each.alert));
    CHECK(has(line_of(server), each.told));
    CHECK(server.lines[0].starts_with("closed a connection of 127.0.0.1:"));
    std::lock_guard const lock(server.mutex);
    server.lines.clear();
  }
  CHECK(server.connections.empty());
  Node good(identity_of(1), site.settings());
  good.network.dial({0, 1}, {endpoint});
  CHECK(good.opened());
}

TEST_CASE("tls: a client refuses bad certificates and says why") {
  Site site;
  Node client(identity_of(1), site.settings());
  for (auto const& each : bad_certificates(site, "clientAuth")) {
    CAPTURE(each.name);
    RawServer server({.own = each.own});
    client.network.dial({0, 1}, {server.endpoint()});
    CHECK(has(dial_failure(client), server.endpoint().text + ": " + each.told));
    CHECK(has(server.error(), each.alert));
    std::lock_guard const lock(client.mutex);
    client.failed_dials.clear();
  }
  CHECK(client.connections.empty());
}

TEST_CASE("tls: an Env whose certificate is refused learns it") {
  Site site;
  Authority const other("another CA");
  SUBCASE("it dialled") {
    RawServer server({.own = site.ca.issue({}), .ca = other.pem()});
    Node client(identity_of(1), site.settings());
    client.network.dial({0, 1}, {server.endpoint()});
    CHECK(has(dial_failure(client),
              "TLS: the peer refused the certificate of this Env (net.tls_certificate): its CA is not in net.tls_ca "
              "of the peer; add it there, or use another certificate"));
  }
  SUBCASE("it was dialled") {
    Node server(identity_of(0), site.settings());
    CHECK_FALSE(raw_client(listen(server), {.own = site.ca.issue({}), .ca = other.pem()}).shake_hands());
    CHECK(has(line_of(server),
              "TLS: the peer refused the certificate of this Env (net.tls_certificate): its CA is not in net.tls_ca"));
  }
}

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

/// As one who renews certificates does it: each file is whole at every moment.
void put_in_place(test::Folder const& folder, std::string const& path, std::string const& text) {
  std::filesystem::rename(folder.write("new", text), path);
}

TEST_CASE("tls: renewed files are used for the next connection, and those that are up stay") {
  Site site;
  auto const files = test::settings_of(site.folder, site.ca.pem(), site.ca.issue({}));
  NetSettings settings;
  settings.handshake_limit = 10s;
  settings.tls = std::make_shared<TlsContext>(files);
  Node server(identity_of(0), settings);
  server.answers = true;
  auto const endpoint = listen(server);
  Node first(identity_of(1), site.settings());
  first.network.dial({0, 1}, {endpoint});
  auto const before = first.opened();
  REQUIRE(before);

  Authority const next("the next CA");
  auto const renewed = next.issue({.name = "renewed"});
  put_in_place(site.folder, files.certificate, renewed.certificate);  // the key does not fit yet
  Node second(identity_of(2), site.settings());
  second.network.dial({0, 1}, {endpoint});
  REQUIRE(second.opened());
  CHECK(has(line_of(server), "net.tls_key: " + files.key + ": is not the key of the certificate CN=renewed"));
  CHECK(server.lines[0].ends_with("; until then the certificate that was read before stays in use"));

  put_in_place(site.folder, files.key, renewed.key);
  put_in_place(site.folder, files.ca, next.pem());
  Node third(identity_of(3), site.settings(next.issue({}), next.pem()));
  third.network.dial({0, 1}, {endpoint});
  REQUIRE(third.opened());
  Node late(identity_of(4), site.settings());
  late.network.dial({0, 1}, {endpoint});
  CHECK(has(dial_failure(late), "CN=renewed: is not signed by a CA of net.tls_ca"));

  CHECK(before->send(FrameKind::request, view("still here")) == SendResult::sent);
  CHECK(first.wait([&] { return !first.frames.empty(); }));
}

TEST_CASE("tls: a certificate that expires soon is told of in time") {
  Site site;
  Node soon(identity_of(0), site.settings(site.ca.issue({.name = "host1", .until_s = 13 * day}), site.ca.pem()));
  CHECK(has(line_of(soon), ": certificate CN=host1: expires on 20"));
  CHECK(has(soon.lines[0], "put a new one and its key in place of the files: no restart is needed"));
}

// --- who has a certificate has not proved the secret ---------------------------------------------------------------

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

TEST_CASE("tls: what is wrong with the files is said before anything is done with them") {
  Site site;
  auto const good = test::settings_of(site.folder, site.ca.pem(), site.ca.issue({.name = "host1"}));
  auto const error = [&](auto const& change) {
    auto files = good;
    change(files);
    try {
      TlsContext const context(files);
    } catch (ConfigError const& failure) {
      return failure.text();
    }
    return std::string{"no error"};
  };
  auto const with = [&](std::string TlsSettings::*which, std::string_view text, mode_t mode = 0600) {
    return error([&](TlsSettings& files) { files.*which = site.folder.write("bad", text, mode); });
  };
  auto const own = [&](Pem const& pem) {
    return error([&](TlsSettings& files) { files = test::settings_of(site.folder, site.ca.pem(), pem); });
  };
  CHECK(error([](TlsSettings&) {}) == "no error");
  auto const missing = error([](TlsSettings& files) { files.key += "x"; });
  CHECK(missing == "net.tls_key: " + good.key +
                       "x: cannot be read: No such file or directory; set net.tls_key to a PEM file that this user may read");
  CHECK(has(error([](TlsSettings& files) { files.ca = "/proc"; }), "net.tls_ca: /proc: is no regular file"));
  CHECK(has(with(&TlsSettings::ca, ""), "holds no certificate; set a PEM file with BEGIN CERTIFICATE in it"));
  CHECK(has(with(&TlsSettings::ca, site.ca.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "holds a certificate that cannot be read"));
  CHECK(has(with(&TlsSettings::certificate, site.ca.issue({}).key), "net.tls_certificate: "));
  CHECK(has(with(&TlsSettings::key, "garbage"), "holds no private key"));
  CHECK(has(with(&TlsSettings::key, site.ca.issue({}).key),
            "is not the key of the certificate CN=host1 in net.tls_certificate (" + good.certificate + ")"));
  CHECK(has(with(&TlsSettings::key, site.ca.issue({}).key, 0644),
            "may be used by every user of this host (mode 0644); take that right away (chmod o= "));
  CHECK(has(with(&TlsSettings::ca, std::string((1 << 20) + 1, '\n')), "is larger than 1 MiB"));
  CHECK(has(own(Authority::self_signed({.name = "self"})), "CN=self: is self-signed, and not in net.tls_ca"));
  CHECK(has(own(Authority("other").issue({.name = "foreign"})), "CN=foreign: is not signed by a CA of net.tls_ca"));
  CHECK(has(own(site.ca.issue({.name = "old", .from_s = -2 * day, .until_s = -day})), "CN=old: expired on 20"));
  CHECK(has(own(site.ca.issue({.name = "young", .from_s = day, .until_s = 2 * day})), "CN=young: is not valid before 20"));
  CHECK(has(own(site.ca.issue({.name = "half", .usage = "clientAuth"})), "CN=half: is not for both sides of TLS"));
  CHECK(own(site.ca.issue({.name = "both", .usage = "serverAuth,clientAuth"})) == "no error");
}

}  // namespace net_tls_test
}  // namespace corps::net
