#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/host/internal/random.hpp"
#include "env/net/internal/frame.hpp"
#include "env/net/internal/hmac.hpp"
#include "env/net/internal/identity.hpp"

namespace corps::net {

/// One side of the handshake of docs/internals/wire.md, without sockets or time: bytes in, bytes out.
/// Threads: one at a time. The Identity must outlive it.
class Handshake {
 public:
  enum class State : std::uint8_t {
    going,
    proved,       // server: peer() has proved itself; decide with admit()
    established,  // both sides have proved themselves to each other
    failed,       // send what output() has, then close; reason() says why
  };

  /// The side that dialled. `expected` is whom it wants to speak to.
  static Handshake client(Identity const& identity, Peer expected, host::Random& random);
  /// The side that accepted.
  static Handshake server(Identity const& identity, host::Random& random);

  /// What goes on over a secured channel: both proofs are made with what only the two ends of this one know, so that they prove
  /// nothing over another. Before the peer's hello or challenge is fed.
  void bind(Digest const& channel) { channel_.assign(channel.begin(), channel.end()); }

  /// Takes from `bytes` what belongs to the handshake; what is left after `established` are frames of the peer.
  State feed(std::span<std::byte const>& bytes);
  /// Answers `proved`: true accepts the peer, false tells it that it is a duplicate.
  void admit(bool yes);

  /// What is to be sent now; empties it.
  std::vector<std::byte> output();

  State state() const noexcept { return state_; }
  /// The other side; proved only in the states `proved` and `established`.
  Peer peer() const noexcept { return peer_; }
  /// Why it failed.
  std::string const& reason() const noexcept { return reason_; }
  /// Client: the server proved itself and said that the two Envs have a connection already.
  bool refused_as_duplicate() const noexcept { return refused_as_duplicate_; }
  /// Server: the peer proved itself and admit() said no.
  bool refused_a_duplicate() const noexcept { return refused_a_duplicate_; }

 private:
  using Payload = std::span<std::byte const>;
  static_assert(hello_bytes == challenge_bytes);
  using Introduction = std::array<std::byte, hello_bytes>;

  Handshake(Phase phase, Identity const& identity, Peer peer, host::Random& random);

  bool take_magic(std::span<std::byte const>& bytes);
  void on_frame(Frame const& frame);
  void on_hello(Payload payload);
  void on_challenge(Payload payload);
  void on_proof(Payload payload);
  void on_accept(Payload payload);
  void on_refuse(Payload payload);

  void introduce(Introduction& to, std::uint16_t first, std::uint16_t second);
  Digest proof(std::string_view role, Payload before = {}) const;
  void put_frame(FrameKind kind, Payload payload);
  void put_refusal(RefuseCode code);
  void fail(std::string reason);

  State state_ = State::going;
  bool refused_as_duplicate_ = false;
  bool refused_a_duplicate_ = false;
  std::uint8_t magic_taken_ = 0;
  Identity const* identity_;
  host::Random* random_;
  Peer peer_;
  FrameReader reader_;
  Introduction hello_{};
  Introduction challenge_{};
  std::vector<std::byte> channel_;  // empty: none
  std::vector<std::byte> output_;
  std::string reason_;
};

}  // namespace corps::net
