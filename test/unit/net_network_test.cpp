#include "env/net/internal/network.hpp"

#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <map>
#include <thread>

#include "corps/error.hpp"
#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_network_test {

using namespace std::chrono_literals;
using test::authenticate;
using test::Bytes;
using test::bytes_of;
using test::Connection;
using test::Flush;
using test::frame_bytes;
using test::identity_of;
using test::Node;
using test::RawSocket;
using test::SendResult;
using test::view;

// Two Envs with one connection: 1 dialled 0.
struct Connected {
  explicit Connected(NetSettings settings = {}) : server(identity_of(0), settings), client(identity_of(1), settings) {
    client.network.dial(server.self(), {server.listen()});
    to_server = client.opened();
    to_client = server.opened();
    REQUIRE(to_server);
    REQUIRE(to_client);
  }

  Node server;
  Node client;
  std::shared_ptr<Connection> to_server;
  std::shared_ptr<Connection> to_client;
};

std::string closed_reason(Node& node) {
  node.wait([&] { return !node.closed.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.closed.empty() ? "not closed" : node.closed.front().second;
}

std::string dial_failure(Node& node) {
  node.wait([&] { return !node.failed_dials.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.failed_dials.empty() ? "not failed" : node.failed_dials.front().reason;
}

std::string config_error_of(std::function<void()> const& what) {
  try {
    what();
  } catch (ConfigError const& error) {
    return error.text();
  }
  return "no error";
}

void check_conversation(Node& server, Node& client) {
  server.answers = true;
  auto const to_server = client.opened();
  auto const to_client = server.opened();
  REQUIRE(to_server);
  REQUIRE(to_client);
  CHECK(to_server->peer() == Peer{0, 1});
  CHECK(to_client->peer() == Peer{1, 1});
  CHECK(client.dialed == std::vector<bool>{true});
  CHECK(server.dialed == std::vector<bool>{false});
  CHECK(to_server->send(FrameKind::request, view("hello "), view("world")) == SendResult::sent);
  REQUIRE(client.wait([&] { return !client.frames.empty(); }));
  CHECK(client.frames[0].kind == FrameKind::answer);
  CHECK(client.frames[0].payload == "hello world");
  CHECK(client.frames[0].connection == to_server.get());
}

TEST_CASE("network: two Envs speak over an abstract Unix socket") {
  Node server(identity_of(0));
  Node client(identity_of(1));
  auto const endpoint = server.listen();
  CHECK(endpoint.text.starts_with("unix:@corps-"));
  CHECK(endpoint.text.ends_with("-0-1"));
  client.network.dial({0, 1}, {endpoint});
  check_conversation(server, client);
}

TEST_CASE("network: two Envs speak over TCP") {
  for (std::string const address : {"tcp:127.0.0.1:0", "tcp:[::1]:0"}) {
    CAPTURE(address);
    Node server(identity_of(0));
    Node client(identity_of(1));
    std::vector<Endpoint> got;
    try {
      got = server.network.listen({Endpoint{address}});
    } catch (ConfigError const&) {
      REQUIRE(address == "tcp:[::1]:0");  // hosts without IPv6 exist
      MESSAGE("no IPv6 loopback here");
      continue;
    }
    REQUIRE(got.size() == 1);
    CHECK(got[0].text != address);
    client.network.dial({0, 1}, got);
    check_conversation(server, client);
  }
}

TEST_CASE("network: frames of every size arrive whole, in order, from many threads") {
  Connected pair;
  constexpr int threads = 4;
  constexpr std::uint32_t frames_each = 3000;
  std::vector<std::thread> senders;
  for (int thread = 0; thread < threads; ++thread) {
    senders.emplace_back([&, thread] {
      for (std::uint32_t i = 0; i < frames_each; ++i) {
        Bytes head(8);
        put_number(head.data(), static_cast<std::uint32_t>(thread));
        put_number(head.data() + 4, i);
        Bytes const body((i * 37) % 3000 + (i % 500 == 0 ? 300'000 : 0), static_cast<std::byte>(i));
        auto const flush = i % 3 == 0 ? Flush::later : Flush::now;
        pair.to_server->send(FrameKind::request, head, body, flush);
      }
      pair.to_server->flush();
    });
  }
  for (auto& sender : senders) sender.join();
  REQUIRE(pair.server.wait([&] { return pair.server.frames.size() == threads * frames_each; }));
  std::map<std::uint32_t, std::uint32_t> next;
  bool good = true;
  for (auto const& frame : pair.server.frames) {
    auto const bytes = view(frame.payload);
    auto const thread = get_number<std::uint32_t>(bytes.data());
    auto const number = get_number<std::uint32_t>(bytes.data() + 4);
    good = good && number == next[thread]++;
    good = good && bytes.size() == 8 + (number * 37) % 3000 + (number % 500 == 0 ? 300'000U : 0U);
    good = good && std::ranges::all_of(bytes.subspan(8), [&](std::byte byte) { return byte == static_cast<std::byte>(number); });
  }
  CHECK(good);
  CHECK(pair.to_server->queued_bytes() == 0);
}

TEST_CASE("network: later frames wait for a flush, and leave before those that follow") {
  Connected pair;
  CHECK(pair.to_server->send(FrameKind::request, view("a"), {}, Flush::later) == SendResult::sent);
  CHECK(pair.to_server->queued_bytes() == 9);
  CHECK(pair.to_server->send(FrameKind::request, view("b")) == SendResult::sent);
  CHECK(pair.to_server->send(FrameKind::request, view("c"), {}, Flush::later) == SendResult::sent);
  pair.to_server->flush();
  REQUIRE(pair.server.wait([&] { return pair.server.frames.size() == 3; }));
  CHECK(pair.server.frames[0].payload + pair.server.frames[1].payload + pair.server.frames[2].payload == "abc");
}

TEST_CASE("network: what the socket does not take stays in the outbox, and is sent when it does") {
  Node server(identity_of(0));
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  auto const connection = server.opened();
  REQUIRE(connection);
  Bytes const payload(10'000, std::byte{3});
  constexpr int frames = 1000;
  for (int i = 0; i < frames; ++i) CHECK(connection->send(FrameKind::answer, payload) == SendResult::sent);
  CHECK(connection->queued_bytes() > 1'000'000);
  auto const frame = frame_bytes(FrameKind::answer, payload);
  bool good = true;
  for (int i = 0; i < frames; ++i) good = good && peer.read(frame.size()) == frame;
  CHECK(good);
}

TEST_CASE("network: one frame may be larger than any buffer") {
  Connected pair;
  CHECK(pair.to_server->send(FrameKind::request, Bytes(3'000'000)) == SendResult::sent);
  REQUIRE(pair.server.wait([&] { return pair.server.frames.size() == 1; }));
  CHECK(pair.server.frames[0].payload.size() == 3'000'000);
}

TEST_CASE("network: the end of the peer is told once, at once") {
  Connected pair;
  SUBCASE("closed by us") {
    pair.to_server->close("had enough");
    pair.to_server->close("twice");
    CHECK(pair.to_server->send(FrameKind::request, view("x")) == SendResult::closed);
    CHECK(closed_reason(pair.client) == "had enough");
    CHECK(closed_reason(pair.server) == "connection closed by peer");
    CHECK(pair.client.endings.front() == Ending::final);
    CHECK(pair.server.endings.front() == Ending::cut);
  }
  SUBCASE("in order") {
    CHECK(pair.to_server->send(FrameKind::request, Bytes(5'000'000)) == SendResult::sent);
    pair.to_server->flush_and_close("all said");
    CHECK(pair.to_server->send(FrameKind::request, view("x")) == SendResult::closed);
    CHECK(closed_reason(pair.server) == "peer said goodbye: all said");
    CHECK(closed_reason(pair.client) == "all said");
    CHECK(pair.server.frames.size() == 1);
    CHECK(pair.server.endings.front() == Ending::final);
    CHECK(pair.client.endings.front() == Ending::final);
  }
  SUBCASE("both in order") {
    pair.to_server->flush_and_close("one");
    pair.to_client->flush_and_close("two");
    CHECK(closed_reason(pair.client) != "not closed");
    CHECK(closed_reason(pair.server) != "not closed");
  }
  CHECK(pair.server.network.stop(5s));
  CHECK(pair.client.network.stop(5s));
  CHECK(pair.client.closed.size() == 1);
  CHECK(pair.server.closed.size() == 1);
  CHECK(pair.to_client->send(FrameKind::request, view("x")) == SendResult::closed);
}

TEST_CASE("network: many threads send while the connection closes") {
  for (int round = 0; round < 20; ++round) {
    Connected pair;
    std::vector<std::thread> senders;
    for (int i = 0; i < 3; ++i) {
      senders.emplace_back([&] {
        Bytes const payload(2000);
        for (;;) {
          if (pair.to_server->send(FrameKind::request, payload) == SendResult::closed) break;
          while (pair.to_server->queued_bytes() > 10'000'000 && pair.to_server->is_open()) std::this_thread::yield();
        }
      });
    }
    if (round % 2 == 0) {
      pair.to_server->close("enough");
    } else {
      pair.to_client->close("enough");
    }
    for (auto& sender : senders) sender.join();
    CHECK(closed_reason(pair.client) != "not closed");
    CHECK(closed_reason(pair.server) != "not closed");
  }
}

TEST_CASE("network: what a peer sent before its end arrives, half a frame does not") {
  Node server(identity_of(0));
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  auto bytes = frame_bytes(FrameKind::request, view("whole"));
  auto const half = frame_bytes(FrameKind::request, view("half of this is missing"));
  bytes.insert(bytes.end(), half.begin(), half.end() - 5);
  REQUIRE(peer.send(bytes));
  peer.close();
  CHECK(closed_reason(server) == "connection closed by peer in the middle of a frame");
  REQUIRE(server.frames.size() == 1);
  CHECK(server.frames[0].payload == "whole");
}

TEST_CASE("network: the text of a goodbye is one line of at most 256 bytes") {
  Node server(identity_of(0));
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  REQUIRE(peer.send(frame_bytes(FrameKind::goodbye, bytes_of("a\nb\x1b[2J" + std::string(5000, 'x')))));
  CHECK(closed_reason(server) == "peer said goodbye: a?b?[2J" + std::string(256 - 7, 'x'));
}

TEST_CASE("network: a failed write does not hide what the peer said last") {
  Node server(identity_of(0));
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  auto const connection = server.opened();
  REQUIRE(connection);
  server.network.post([&] {
    // The I/O thread is here and does not read: the peer speaks and is gone before our write.
    peer.send(frame_bytes(FrameKind::request, view("last words")));
    peer.close();
    CHECK(connection->send(FrameKind::answer, view("too late")) == SendResult::closed);
  });
  CHECK(closed_reason(server).starts_with("connection"));
  REQUIRE(server.frames.size() == 1);
  CHECK(server.frames[0].payload == "last words");
}

TEST_CASE("network: stop drains what is queued") {
  Connected pair;
  constexpr int frames = 200;
  for (int i = 0; i < frames; ++i) REQUIRE(pair.to_server->send(FrameKind::request, Bytes(100'000)) == SendResult::sent);
  CHECK(pair.client.network.stop(5s));
  CHECK(closed_reason(pair.server) == "peer said goodbye: the Env is stopping");
  CHECK(pair.server.frames.size() == frames);
  CHECK(closed_reason(pair.client) == "the Env is stopping");
  CHECK(pair.client.network.stop(5s));
}

TEST_CASE("network: stop does not wait for a peer that does not read") {
  NetSettings settings;
  settings.linger_limit = 60s;
  Node server(identity_of(0), settings);
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  auto const connection = server.opened();
  REQUIRE(connection);
  REQUIRE(connection->send(FrameKind::answer, Bytes(10'000'000)) == SendResult::sent);
  auto const began = std::chrono::steady_clock::now();
  CHECK(server.network.stop(50ms));
  CHECK(std::chrono::steady_clock::now() - began < 2s);
  CHECK(server.closed.size() == 1);
}

TEST_CASE("network: a peer that does not take the goodbye is given up after the linger limit") {
  NetSettings settings;
  settings.linger_limit = 30ms;
  Node server(identity_of(0), settings);
  RawSocket peer(server.listen());
  REQUIRE(authenticate(peer, identity_of(1), {0, 1}));
  auto const connection = server.opened();
  REQUIRE(connection);
  connection->flush_and_close("leaving");
  CHECK(closed_reason(server) == "leaving");
  auto const goodbye = frame_bytes(FrameKind::goodbye, view("leaving"));
  CHECK(peer.read(goodbye.size()) == goodbye);
}

TEST_CASE("network: a stop tells open dials and handshakes") {
  Node silent(identity_of(0));
  auto const listener = listen_on({"unix:@corps-test-silent-" + std::to_string(::getpid())});
  silent.network.dial({7, 1}, {endpoint_of(listener.get())});
  CHECK(silent.network.stop(1s));
  CHECK(dial_failure(silent) == "this Env is stopping");
}

TEST_CASE("network: a refused duplicate is told as such") {
  Node server(identity_of(0));
  Node client(identity_of(1));
  Peer asked{99, 99};
  server.admits = [&](Peer const& peer) {
    asked = peer;
    return false;
  };
  client.network.dial({0, 1}, {server.listen()});
  REQUIRE(client.wait([&] { return client.failed_dials.size() == 1; }));
  CHECK(client.failed_dials[0].duplicate);
  CHECK(client.failed_dials[0].expected == Peer{0, 1});
  CHECK(asked == Peer{1, 1});
  CHECK(server.network.stop(1s));
  CHECK(server.connections.empty());
  CHECK(server.lines.empty());  // two Envs that dial each other are daily life
}

TEST_CASE("network: dials that fail say why") {
  Node client(identity_of(1));
  SUBCASE("nobody there") {
    client.network.dial({5, 1}, {unix_endpoint(identity_of(5).corps_id, {5, 1})});
    CHECK(dial_failure(client).ends_with("-5-1: connection refused: nobody listens there"));
    CHECK_FALSE(client.failed_dials[0].duplicate);
  }
  SUBCASE("nowhere to go") {
    client.network.dial({5, 1}, {});
    CHECK(dial_failure(client) == "no endpoint of it is known");
  }
  SUBCASE("itself") {
    client.network.dial({1, 1}, {client.listen()});
    CHECK(dial_failure(client) == "an Env does not dial itself");
  }
  SUBCASE("beyond this host") {
    client.network.dial({5, 1}, {Endpoint{"tcp:192.0.2.1:80"}});
    CHECK(dial_failure(client).find("is not a loopback address") != std::string::npos);
  }
  SUBCASE("another Env") {
    Node server(identity_of(0, 2));
    client.network.dial({0, 1}, {server.listen()});
    CHECK(dial_failure(client).ends_with("expected env 0, epoch 1, found env 0, epoch 2"));
  }
  SUBCASE("another secret") {
    auto other = identity_of(0);
    other.secret[0] = std::byte{1};
    Node server(other);
    client.network.dial({0, 1}, {server.listen()});
    CHECK(dial_failure(client).ends_with("refused: the peer is of another Corps, of another boot of it, or has another secret"));
    REQUIRE(server.wait([&] { return server.lines.size() == 1; }));
    CHECK(server.lines[0].find("wrong secret: env 1, epoch 1 is claimed, not proved") != std::string::npos);
    CHECK(server.lines[0].find("pid " + std::to_string(::getpid())) != std::string::npos);
  }
  CHECK(client.network.stop(1s));
  CHECK(client.failed_dials.size() == 1);
  CHECK(client.connections.empty());
}

TEST_CASE("network: the next endpoint is tried") {
  Node server(identity_of(0));
  Node client(identity_of(1));
  client.network.dial({0, 1}, {Endpoint{"nonsense"}, unix_endpoint(identity_of(9).corps_id, {9, 9}), server.listen()});
  CHECK(client.opened());
  CHECK(client.failed_dials.empty());
}

TEST_CASE("network: where it does not listen") {
  Node node(identity_of(0));
  auto const error = [&](std::string const& text) { return config_error_of([&] { node.network.listen({Endpoint{text}}); }); };
  auto const taken = node.network.listen({Endpoint{"tcp:127.0.0.1:0"}}).at(0).text;
  CHECK(error(taken) ==
        "cannot listen on " + taken +
            ": Address already in use; another program uses this port: stop it, or set another port (0 lets the system choose)");
  auto const name = node.listen().text;
  CHECK(error(name) ==
        "cannot listen on " + name + ": Address already in use; another process uses this name: stop it, or boot again");
  for (std::string const text : {"tcp:0.0.0.0:80", "tcp:192.0.2.1:80", "tcp:[::]:80", "tcp:[2001:db8::1]:80"}) {
    CHECK(error(text) ==
          "\"" + text +
              "\" is not a loopback address; links beyond this host need TLS: set net.tls_ca, net.tls_certificate and "
              "net.tls_key, or use tcp:127.0.0.1:80 or tcp:[::1]:80");
  }
  for (std::string const text :
       {"", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:x", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1",
        "tcp:localhost:80", "tcp:[::1:80", "tcp:::1:80", "unix:@", "unix:/tmp/x", "udp:127.0.0.1:80"}) {
    CHECK(error(text) == "\"" + text + "\" is no endpoint; write tcp:127.0.0.1:<port>, tls:<address>:<port> or unix:@<name>");
  }
  CHECK(error("tls:127.0.0.1:0") ==
        "cannot listen on tls:127.0.0.1:0: it needs TLS: set net.tls_ca, net.tls_certificate and net.tls_key");
  CHECK(error("unix:@" + std::string(108, 'x')).find("is no endpoint") != std::string::npos);
}

TEST_CASE("network: descriptors are watched until their watcher has enough") {
  Node node(identity_of(0));
  host::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  int calls = 0;
  bool done = false;
  node.network.watch_readable(event.get(), [&] {
    std::uint64_t count = 0;
    if (calls == 0) CHECK(::read(event.get(), &count, sizeof(count)) == sizeof(count));
    std::lock_guard const lock(node.mutex);
    ++calls;
    done = calls == 2;  // readable again: the second event is left in it
    node.changed.notify_all();
    return !done;
  });
  ::eventfd_write(event.get(), 1);
  REQUIRE(node.wait([&] { return calls == 1; }));
  ::eventfd_write(event.get(), 1);
  REQUIRE(node.wait([&] { return done; }));
  bool posted = false;
  node.network.post([&] {
    std::lock_guard const lock(node.mutex);
    posted = true;
    node.changed.notify_all();
  });
  REQUIRE(node.wait([&] { return posted; }));
  CHECK(calls == 2);
}

TEST_CASE("network: posted work keeps its order, delayed work comes later") {
  Node node(identity_of(0));
  std::string order;
  auto const note = [&](char what) {
    return [&, what] {
      std::lock_guard const lock(node.mutex);
      order += what;
      node.changed.notify_all();
    };
  };
  node.network.after(20ms, note('d'));
  node.network.post(note('a'));
  node.network.post(note('b'));
  node.network.post(note('c'));
  CHECK(node.wait([&] { return order == "abcd"; }));
}

TEST_CASE("network: a callback that does not return does not hold up stop") {
  struct Quiet final : Events {
    bool admit(Peer const&) override { return true; }
    void on_open(std::shared_ptr<Carrier>, bool) override {}
    void on_frame(Carrier&, Frame const&) override {}
    void on_beat(Carrier&) override {}
    void on_closed(Carrier&, std::string_view, Ending) override {}
    void on_dial_failed(Peer const&, std::string_view, bool) override {}
  };
  Quiet quiet;
  std::mutex mutex;
  std::condition_variable changed;
  bool go_on = false;
  bool over = false;
  {
    Network network(identity_of(0), {}, quiet, nullptr);
    network.start();
    network.post([&] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return go_on; });
      over = true;
      changed.notify_all();
    });
    CHECK_FALSE(network.stop(10ms));
    CHECK_FALSE(network.stop(10ms));
  }
  std::unique_lock lock(mutex);
  go_on = true;
  changed.notify_all();
  CHECK(changed.wait_for(lock, 5s, [&] { return over; }));
}

}  // namespace net_network_test
}  // namespace corps::net
