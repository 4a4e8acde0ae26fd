// Bytes from a peer only ever end its own connection: within a second, with one log line, without memory for what they claim.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

#include "env/net/internal/log_limiter.hpp"
#include "env/net/internal/network.hpp"
#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_garbage_test {

using namespace std::chrono_literals;
using test::authenticate;
using test::Bytes;
using test::bytes_of;
using test::Connection;
using test::frame_bytes;
using test::identity_of;
using test::Node;
using test::RawSocket;
using test::SendResult;
using test::view;

// Env 0, that is attacked, and env 1, whose connection must go on.
struct Attacked {
  explicit Attacked(NetSettings settings = {}) : victim(identity_of(0), settings), bystander(identity_of(1)) {
    endpoint = victim.listen();
    victim.answers = true;
    bystander.network.dial(victim.self(), {endpoint});
    connection = bystander.opened();
    REQUIRE(connection);
  }

  void check_bystander() {
    auto const before = [&] {
      std::lock_guard const lock(bystander.mutex);
      return bystander.frames.size();
    }();
    CHECK(connection->send(FrameKind::request, view("still there?")) == SendResult::sent);
    CHECK(bystander.wait([&] { return bystander.frames.size() == before + 1; }));
  }
  std::size_t lines() {
    std::lock_guard const lock(victim.mutex);
    return victim.lines.size();
  }
  // One more line than `before`, which ends with `reason`.
  void check_line(std::size_t before, std::string const& reason) {
    CHECK(victim.wait([&] { return victim.lines.size() == before + 1; }));
    std::lock_guard const lock(victim.mutex);
    REQUIRE(!victim.lines.empty());
    CAPTURE(victim.lines.back());
    CHECK(victim.lines.back().find(reason) != std::string::npos);
  }

  Node victim;
  Node bystander;
  Endpoint endpoint;
  std::shared_ptr<Connection> connection;
};

std::size_t virtual_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE("garbage: bytes that are no Corps are closed without an answer") {
  Attacked attacked;
  host::SeededRandom random(7);
  std::vector<Bytes> all{bytes_of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                         bytes_of(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)), Bytes(100'000),
                         Bytes{std::byte{0}}};
  for (std::size_t const size : {1U, 8U, 100U, 5000U}) {
    Bytes bytes(size);
    random.fill(bytes);
    bytes[0] = std::byte{1};
    all.push_back(bytes);
  }
  for (auto const& bytes : all) {
    auto const before = attacked.lines();
    RawSocket stranger(attacked.endpoint);
    stranger.send(bytes);
    auto const answer = stranger.read_to_end(1s);
    REQUIRE(answer);
    CHECK(answer->empty());
    attacked.check_line(before, "bad magic");
    attacked.check_bystander();
  }
}

TEST_CASE("garbage: right magic, wrong rest") {
  Attacked attacked;
  struct Case {
    Bytes after_magic;
    std::string reason;
  };
  Case const cases[] = {
      {frame_bytes(0, 16, {}), "hello of 0 bytes"},
      {frame_bytes(1U << 31, 16, {}), "frame of 2147483648 bytes is over the limit of 4096"},
      {frame_bytes(0xffff'ffff, 16, Bytes(100)), "frame of 4294967295 bytes is over the limit of 4096"},
      {frame_bytes(4097, 16, Bytes(4097)), "frame of 4097 bytes is over the limit of 4096"},
      {frame_bytes(FrameKind::request, view("run")), "unexpected frame: request"},
      {frame_bytes(FrameKind::control, view("stop")), "unexpected frame: control"},
      {frame_bytes(60, 16, Bytes(60), 1), "frame with unknown flags"},
      {frame_bytes(FrameKind::hello, Bytes(60)),
       "version mismatch: the peer speaks 0, this process " + std::to_string(version_max)},
  };
  for (auto const& [after_magic, reason] : cases) {
    CAPTURE(reason);
    auto const before = attacked.lines();
    RawSocket stranger(attacked.endpoint);
    stranger.send(magic);
    stranger.send(after_magic);
    auto const answer = stranger.read_to_end(1s);
    REQUIRE(answer);
    CHECK(answer->size() <= magic.size() + header_bytes + refuse_bytes);
    attacked.check_line(before, reason);
    attacked.check_bystander();
  }
}

TEST_CASE("garbage: frames of a peer that has proved itself") {
  Attacked attacked;
  struct Case {
    Bytes bytes;
    char const* reason;
  };
  Case const cases[] = {
      {frame_bytes(0xffff'ffff, 1, {}), "frame of 4294967295 bytes is over the limit of 268435456"},
      {frame_bytes(1U << 31, 2, {}), "frame of 2147483648 bytes is over the limit of 268435456"},
      {frame_bytes(0, 0, {}), "unexpected frame: kind 0"},
      {frame_bytes(FrameKind::hello, Bytes(60)), "unexpected frame: hello"},
      {frame_bytes(0, 1, {}, 7, 0), "frame with unknown flags"},
      {frame_bytes(0, 7, {}, 0, 7), "frame with unknown flags"},
  };
  std::size_t closed = 0;
  for (auto const& [bytes, reason] : cases) {
    CAPTURE(reason);
    auto const before = attacked.lines();
    RawSocket peer(attacked.endpoint);
    REQUIRE(authenticate(peer, identity_of(5), {0, 1}));
    peer.send(bytes);
    REQUIRE(peer.read_to_end(1s));
    attacked.check_line(before, reason);
    ++closed;
    REQUIRE(attacked.victim.wait([&] { return attacked.victim.closed.size() == closed; }));
    {
      std::lock_guard const lock(attacked.victim.mutex);
      CHECK(attacked.victim.closed.back().second == reason);
    }
    attacked.check_bystander();
  }
  std::lock_guard const lock(attacked.victim.mutex);
  CHECK(std::ranges::all_of(attacked.victim.frames, [](auto const& frame) { return frame.payload == "still there?"; }));
}

TEST_CASE("garbage: a claimed length takes no memory") {
  Attacked attacked;
  std::vector<std::unique_ptr<RawSocket>> peers;
  auto const before = virtual_bytes();
  for (int i = 0; i < 8; ++i) {
    peers.push_back(std::make_unique<RawSocket>(attacked.endpoint));
    REQUIRE(authenticate(*peers.back(), identity_of(10), {0, 1}));
    REQUIRE(peers.back()->send(frame_bytes(std::uint32_t{256} << 20, 1, Bytes(1000))));
  }
  attacked.check_bystander();
  CHECK(virtual_bytes() < before + (std::size_t{128} << 20));
  for (auto const& peer : peers) peer->close();
  CHECK(attacked.victim.wait([&] { return attacked.victim.closed.size() == peers.size(); }));
  std::lock_guard const lock(attacked.victim.mutex);
  for (auto const& [connection, reason] : attacked.victim.closed) {
    CHECK(reason == "connection closed by peer in the middle of a frame");
  }
}

// What a client sends in a valid exchange, cut off at `limit` bytes.
void speak_as_client(RawSocket& socket, std::size_t limit) {
  auto const self = identity_of(5);
  auto client = Handshake::client(self, {0, 1}, host::Random::system());
  auto const send = [&](Bytes bytes) {
    bytes.resize(std::min(bytes.size(), limit));
    limit -= bytes.size();
    return socket.send(bytes) && limit > 0;
  };
  if (!send(client.output())) return;
  while (client.state() == Handshake::State::going) {
    auto const got = socket.read(1);
    std::span<std::byte const> bytes = got;
    if (got.empty()) return;
    client.feed(bytes);
    if (auto const answer = client.output(); !answer.empty() && !send(answer)) return;
  }
  send(frame_bytes(FrameKind::request, view("the request")));
}

TEST_CASE("garbage: a client that ends at every offset of a valid exchange") {
  Attacked attacked;
  constexpr std::size_t handshake_size = 8 + 8 + 60 + 8 + 32;
  constexpr std::size_t whole = handshake_size + 8 + 11;
  std::size_t opened = 1;
  for (std::size_t limit = 0; limit <= whole; ++limit) {
    CAPTURE(limit);
    RawSocket client(attacked.endpoint);
    REQUIRE(client);
    speak_as_client(client, limit);
    client.end_sending();
    REQUIRE(client.read_to_end(1s));
    if (limit >= handshake_size) ++opened;
    CHECK(attacked.victim.wait([&] { return attacked.victim.closed.size() == opened - 1; }));
  }
  attacked.check_bystander();
  // The limiter passes ten lines a second and counts the others: one each for all that did not finish the handshake.
  CHECK(attacked.lines() <= handshake_size);
  std::lock_guard const lock(attacked.victim.mutex);
  CHECK(attacked.victim.connections.size() == opened);
  CHECK(std::ranges::count(attacked.victim.frames, "the request", &Node::Received::payload) == 1);
}

TEST_CASE("garbage: a server that ends at every offset of a valid exchange") {
  constexpr std::size_t handshake_size = 8 + 8 + 60 + 8 + 32;
  constexpr std::size_t whole = handshake_size + 8 + 11;
  auto const listener = listen_on({"unix:@corps-test-cut-" + std::to_string(::getpid())});
  ::fcntl(listener.get(), F_SETFL, 0);
  auto const self = identity_of(3);
  Node client(identity_of(1));
  std::size_t opened = 0;
  for (std::size_t limit = 0; limit <= whole; ++limit) {
    CAPTURE(limit);
    client.network.dial({3, 1}, {endpoint_of(listener.get())});
    {
      RawSocket socket(host::UniqueFd(::accept(listener.get(), nullptr, nullptr)));
      auto server = Handshake::server(self, host::Random::system());
      std::size_t left = limit;
      bool going = true;
      auto const send = [&](Bytes bytes) {
        bytes.resize(std::min(bytes.size(), left));
        left -= bytes.size();
        going = socket.send(bytes) && left > 0;
      };
      while (going && server.state() == Handshake::State::going) {
        auto const got = socket.read(1);
        std::span<std::byte const> bytes = got;
        if (got.empty()) break;
        if (server.feed(bytes) == Handshake::State::proved) server.admit(true);
        if (auto const answer = server.output(); !answer.empty()) send(answer);
      }
      if (going && server.state() == Handshake::State::established) send(frame_bytes(FrameKind::request, view("the request")));
      socket.end_sending();
      REQUIRE(socket.read_to_end(1s));
    }
    if (limit >= handshake_size) ++opened;
    CHECK(client.wait([&] { return client.closed.size() == opened && client.failed_dials.size() == limit + 1 - opened; }));
  }
  CHECK(client.connections.size() == opened);
  REQUIRE(client.frames.size() == 1);
  CHECK(client.frames[0].payload == "the request");
}

TEST_CASE("garbage: a recorded exchange opens nothing when it is played again") {
  Attacked attacked;
  // A valid exchange, with what the client sent.
  Bytes recorded;
  auto const self = identity_of(5);
  auto client = Handshake::client(self, {0, 1}, host::Random::system());
  RawSocket first(attacked.endpoint);
  while (client.state() == Handshake::State::going) {
    if (auto const bytes = client.output(); !bytes.empty()) {
      first.send(bytes);
      recorded.insert(recorded.end(), bytes.begin(), bytes.end());
    }
    auto const got = first.read(1);
    std::span<std::byte const> bytes = got;
    REQUIRE(!got.empty());
    client.feed(bytes);
  }
  REQUIRE(attacked.victim.wait([&] { return attacked.victim.connections.size() == 2; }));
  auto const request = frame_bytes(FrameKind::request, view("again"));

  auto const before = attacked.lines();
  RawSocket second(attacked.endpoint);
  constexpr std::size_t hello_size = 8 + 8 + 60;
  second.send(std::span(recorded).first(hello_size));
  CHECK(second.read(hello_size).size() == hello_size);
  second.send(std::span(recorded).subspan(hello_size));
  second.send(request);
  REQUIRE(second.read_to_end(1s));
  attacked.check_line(before, "wrong secret: env 5, epoch 1 is claimed, not proved");
  attacked.check_bystander();
  std::lock_guard const lock(attacked.victim.mutex);
  CHECK(attacked.victim.connections.size() == 2);
}

TEST_CASE("garbage: whoever says nothing is closed at the deadline, with one line") {
  NetSettings settings;
  settings.handshake_limit = 500ms;
  Attacked attacked(settings);
  auto const before = attacked.lines();
  RawSocket silent(attacked.endpoint);
  auto const answer = silent.read_to_end(10s);
  REQUIRE(answer);
  CHECK(answer->empty());
  attacked.check_line(before, "not connected, or the handshake not done, after 500 ms");
  attacked.check_bystander();
}

TEST_CASE("garbage: more silent connections than may be in their handshake lock nobody out") {
  NetSettings settings;
  settings.handshake_limit = 60s;
  Attacked attacked(settings);
  std::vector<std::unique_ptr<RawSocket>> silent;
  for (std::size_t i = 0; i < unproved_connections_max + 10; ++i) {
    silent.push_back(std::make_unique<RawSocket>(attacked.endpoint));
    REQUIRE(*silent.back());
  }
  Node late(identity_of(2));
  late.network.dial({0, 1}, {attacked.endpoint});
  CHECK(late.opened());
  attacked.check_bystander();
  std::lock_guard const lock(attacked.victim.mutex);
  REQUIRE(!attacked.victim.lines.empty());
  CHECK(attacked.victim.lines[0].find("gave way to others: 64 connections are in their handshake") != std::string::npos);
}

TEST_CASE("garbage: without free descriptors accepting pauses and then goes on") {
  Attacked attacked;
  auto const before = attacked.lines();
  // The lowest free number: with it as the limit, none is left for the connection.
  host::UniqueFd own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit const none{static_cast<rlim_t>(own.get() + 1), usual.rlim_max};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const name = attacked.endpoint.text.substr(std::string_view("unix:@").size());
  std::ranges::copy(name, address.sun_path + 1);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  bool const connected = ::connect(own.get(), reinterpret_cast<sockaddr*>(&address),
                                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())) == 0;
  bool const told = attacked.victim.wait([&] { return attacked.victim.lines.size() == before + 1; });
  attacked.check_bystander();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  CHECK(connected);
  CHECK(told);
  CHECK(attacked.lines() == before + 1);  // it does not spin
  CHECK(attacked.victim.lines.back().find("Too many open files; accepting pauses for 100 ms") != std::string::npos);
  RawSocket socket(std::move(own));
  CHECK(authenticate(socket, identity_of(6), {0, 1}));
}

TEST_CASE("garbage: another user is not spoken to") {
  if (::geteuid() != 0) {
    MESSAGE("needs root: left out");
    return;
  }
  Attacked attacked;
  auto const before = attacked.lines();
  int sockets[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
  host::UniqueFd const ours(sockets[0]);
  host::UniqueFd const theirs(sockets[1]);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const name = attacked.endpoint.text.substr(std::string_view("unix:@").size());
  std::ranges::copy(name, address.sun_path + 1);
  auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  pid_t const child = ::fork();
  if (child == 0) {  // only what is safe after a fork of many threads
    constexpr unsigned nobody = 65534;
    int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::syscall(SYS_setresuid, nobody, nobody, nobody) != 0) ::_exit(1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) ::_exit(2);
    char byte = 0;
    ::_exit(::read(fd, &byte, 1) == 0 ? 0 : 3);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  attacked.check_line(before, "the other end runs as user id 65534, this process as 0");
  attacked.check_bystander();
}

TEST_CASE("garbage: log lines are limited, and the rest is counted") {
  host::ManualClock clock;
  std::vector<std::string> lines;
  LogLimiter log([&](std::string_view line) { lines.emplace_back(line); }, clock, 3);
  for (int i = 0; i < 10; ++i) log("line " + std::to_string(i));
  CHECK(lines == std::vector<std::string>{"line 0", "line 1", "line 2"});
  clock.advance(1s);
  log("next");
  log("after");
  CHECK(lines.size() == 5);
  CHECK(lines[3] == "next (7 lines before this one were left out)");
  CHECK(lines[4] == "after");
}

}  // namespace net_garbage_test
}  // namespace corps::net
