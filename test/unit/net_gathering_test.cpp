#include "env/net/internal/gathering.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_gathering_test {

using test::depart;
using test::Flush;
using test::identity_of;
using test::Node;
using test::view;

/// Only counts.
class Counting final : public Carrier {
 public:
  Counting() : Carrier(Peer{1, 1}) {}
  void attach(Outbox&) override {}
  void flush() override { ++flushed; }
  void flush_in_time() override { ++in_time; }
  bool flush_in_time_again() override { return busy; }
  bool is_open() const override { return true; }
  void close(std::string, Ending) override {}
  void flush_and_close(std::string) override {}

  bool busy = false;
  int flushed = 0;
  int in_time = 0;
};

TEST_CASE("gathering: outside of a turn each frame leaves at once") {
  auto const carrier = std::make_shared<Counting>();
  for (int i = 0; i < 3; ++i) depart(carrier);
  CHECK(carrier->flushed == 3);
  CHECK(carrier->in_time == 0);
}

TEST_CASE("gathering: in a turn the first frame leaves at once, the others at its end") {
  auto const carrier = std::make_shared<Counting>();
  {
    Gathering const turn;
    depart(carrier);
    CHECK(carrier->flushed == 1);
    for (int i = 0; i < 3; ++i) depart(carrier);
    CHECK(carrier->flushed == 1);
    CHECK(carrier->in_time > 0);  // if the turn takes long
  }
  CHECK(carrier->flushed == 2);
  {
    Gathering const turn;
    depart(carrier);
  }
  CHECK(carrier->flushed == 3);  // nothing was left
  CHECK(carrier.use_count() == 1);
}

TEST_CASE("gathering: where much is sent the first frame waits for the end of its turn too") {
  auto const carrier = std::make_shared<Counting>();
  carrier->busy = true;
  {
    Gathering const turn;
    depart(carrier);
    CHECK(carrier->flushed == 0);
    CHECK(carrier->in_time == 0);
    depart(carrier);
    CHECK(carrier->in_time > 0);  // much is sent still
    CHECK(carrier->flushed == 0);
  }
  CHECK(carrier->flushed == 1);
}

TEST_CASE("gathering: what is gathered leaves when it is much, and before the thread blocks") {
  auto const carrier = std::make_shared<Counting>();
  Gathering const turn;
  for (int i = 0; i < 1 + 32; ++i) depart(carrier);
  CHECK(carrier->flushed == 2);
  Gathering::leave_now();
  CHECK(carrier->flushed == 2);  // nothing is left
  depart(carrier);
  Gathering::leave_now();
  CHECK(carrier->flushed == 3);
}

TEST_CASE("gathering: a turn in a turn has its own, and frames to many peers leave at once") {
  std::vector<std::shared_ptr<Counting>> carriers;
  for (int i = 0; i < 6; ++i) carriers.push_back(std::make_shared<Counting>());
  Gathering const turn;
  for (int round = 0; round < 2; ++round)
    for (auto const& carrier : carriers) depart(carrier);
  for (int i = 0; i < 4; ++i) CHECK(carriers[static_cast<std::size_t>(i)]->flushed == 1);
  for (int i = 4; i < 6; ++i) CHECK(carriers[static_cast<std::size_t>(i)]->flushed == 2);
  {
    Gathering const inner;
    depart(carriers[0]);
    CHECK(carriers[0]->flushed == 2);
  }
  Gathering::leave_now();
  for (auto const& carrier : carriers) CHECK(carrier->flushed >= 2);
}

TEST_CASE("gathering: what a turn does not send leaves by itself, over sockets and shared memory") {
  for (auto const shm : {ShmUse::never, ShmUse::preferred}) {
    NetSettings settings;
    settings.shm = shm;
    Node server{identity_of(0), settings};
    Node client{identity_of(1), settings};
    client.network.dial(server.self(), {server.listen()});
    auto const to_server = client.opened();
    REQUIRE(to_server);
    // Again and again: also while the I/O thread looks, and when it has just ended to.
    for (std::size_t i = 0; i < 30; ++i) {
      to_server->send(FrameKind::request, view("gathered"), {}, Flush::later);
      to_server->flush_in_time();
      REQUIRE(server.wait([&] { return server.frames.size() == i + 1; }));
      if (i % 10 == 9) {
        bool quiet = false;  // long enough that nobody looks any more
        client.network.after(std::chrono::milliseconds{4}, [&] {
          std::lock_guard const lock{client.mutex};
          quiet = true;
          client.changed.notify_all();
        });
        REQUIRE(client.wait([&] { return quiet; }));
      }
    }
  }
}

TEST_CASE("gathering: each frame of a turn that goes on and on leaves meanwhile") {
  Node server{identity_of(0)};
  Node client{identity_of(1)};
  client.network.dial(server.self(), {server.listen()});
  auto const to_server = client.opened();
  REQUIRE(to_server);
  Gathering const turn;
  for (std::size_t i = 0; i < 70; ++i) {
    to_server->send(FrameKind::request, view("a step of it"), {}, Flush::later);
    to_server->gather();
    REQUIRE(server.wait([&] { return server.frames.size() == i + 1; }));
  }
}

}  // namespace net_gathering_test
}  // namespace corps::net
