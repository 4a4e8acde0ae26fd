#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <utility>

#include "env/net/internal/links.hpp"
#include "test/unit/net_test_kit.hpp"
#include "test/unit/runtime_kit.hpp"

namespace corps::net::test {

/// What becomes of the frames and connections of a LossyEnd.
struct Faults {
  std::uint32_t lose_one_in = 100;     // frames
  std::uint32_t double_one_in = 1000;  // frames
  std::chrono::milliseconds kill_every{100};
  std::uint32_t end_one_kill_in = 0;  // those end the session, which the other side learns when it dials; 0: none
};

/// The links of one of two Envs, with all that belongs to them; only what the sockets or the shared memory bring does not all
/// arrive, and connections are killed. Both ends live in one process, and the Corps of the process has the Workers of both.
class LossyEnd final : public Events, private Directory {
 public:
  LossyEnd(EnvId self, EnvId other, Faults faults, ShmUse shm, std::uint32_t seed)
      : links(self, *this, limits()),
        self_(self),
        other_(other),
        faults_(faults),
        random_(seed + self),
        network_(identity_of(self), settings(shm), *this, [](std::string_view) {}) {
    links.attach(network_);
  }

  Endpoint listen(Endpoint const& at) { return network_.listen({at}).at(0); }
  /// The other one is to be dialled there.
  void start(Endpoint other) {
    other_is_at_ = std::move(other);
    network_.start();
  }
  /// Where no session has begun, a few connections that end at once are a reason to give up.
  void begin_faults() {
    network_.post([this] {
      faulty_ = true;
      // One kills halfway between two kills of the other.
      network_.after(self_ < other_ ? faults_.kill_every : 2 * faults_.kill_every, [this] { kill_in_time(); });
    });
  }
  /// Every call ends, also those that are away.
  void stop() {
    CHECK(network_.stop(std::chrono::seconds{1}));
    links.stop();
  }

  std::atomic<std::uint64_t> frames{0};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> killed{0};
  runtime_kit::Event session;  // has begun
  Links links;

 private:
  static LinkLimits limits() {
    LinkLimits limits;
    limits.fragment_bytes = 4096;  // so that small texts are large messages
    limits.retries_max = 1000;     // as often as it takes
    return limits;
  }
  static NetSettings settings(ShmUse shm) {
    NetSettings settings;
    settings.frame_bytes_max = 4096 + fragment_head_bytes;
    settings.shm = shm;
    return settings;
  }
  bool one_in(std::uint32_t n) { return faulty_ && n != 0 && random_() % n == 0; }

  /// The connection there is, or else the next one, when a frame comes.
  void kill_in_time() {
    auto const carrier = carrier_.lock();
    kill_next_ = carrier == nullptr || !carrier->is_open();
    if (!kill_next_) kill(*carrier);
    network_.after(2 * faults_.kill_every, [this] { kill_in_time(); });
  }
  void kill(Carrier& carrier) {
    ++killed;
    carrier.close("killed by the test", one_in(faults_.end_one_kill_in) ? Ending::final : Ending::cut);
  }

  // Directory
  bool look_up(EnvId env, Entry& entry) override {
    entry.peer = {env, 1};
    entry.endpoints = {other_is_at_};
    return env == other_;
  }
  void on_control(Peer const&, std::span<std::byte const>) override {}
  void on_link(Peer const&, bool up) override {
    if (up) session.happen();
  }

  // Events
  bool admit(Peer const& peer) override { return links.admit(peer); }
  void on_open(std::shared_ptr<Carrier> carrier, bool dialed) override {
    ++connections;
    carrier_ = carrier;
    links.on_open(std::move(carrier), dialed);
  }
  void on_frame(Carrier& carrier, Frame const& frame) override {
    ++frames;
    if (std::exchange(kill_next_, false)) return kill(carrier);
    if (one_in(faults_.lose_one_in)) {
      ++lost;
      return;
    }
    links.on_frame(carrier, frame);
    // No Env greets twice, and what an Env does not do is answered with the end of the session.
    if (frame.kind != FrameKind::resume && one_in(faults_.double_one_in)) links.on_frame(carrier, frame);
  }
  void on_beat(Carrier& carrier) override { links.on_beat(carrier); }
  void on_closed(Carrier& carrier, std::string_view reason, Ending ending) override { links.on_closed(carrier, reason, ending); }
  void on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) override {
    links.on_dial_failed(expected, reason, refused_as_duplicate);
  }

  EnvId const self_;
  EnvId const other_;
  Faults const faults_;
  Endpoint other_is_at_;
  // On the I/O thread.
  std::minstd_rand random_;
  std::weak_ptr<Carrier> carrier_;
  bool faulty_ = false;
  bool kill_next_ = false;

  Network network_;  // last: it calls the above until it is gone
};

}  // namespace corps::net::test
