#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "env/net/internal/identity.hpp"

/// What is seen of a link from outside, at one moment. Times are those of detail::now_ns().
namespace corps::net {

/// What has gone over carriers in one direction since the link was made; what was sent again counts again.
struct Traffic {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
};

struct DirectionSeen {
  Traffic traffic;
  std::size_t unacknowledged_bytes = 0;  // of what is sent: all that is kept until it is acknowledged
  std::size_t credit_bytes = 0;          // past it nothing more is sent
};

struct CarrierSeen {
  std::string_view kind = {};  // "shm", "unix", "tcp" or "tls"; empty: there is none
  std::string endpoint = {};
  int process = 0;             // at the other end; 0 where the system does not say: over TCP
  std::uint64_t heard_ns = 0;  // the last heartbeat before which something had come; 0: no heartbeats here
};

struct LinkSeen {
  enum class State : std::uint8_t {
    idle,       // nothing was to be sent since the last session ended, if there was one
    dialling,   // one of the two is making a carrier, and nothing was said before
    resuming,   // the session waits for another carrier
    connected,  // the two have agreed where to go on
    ended,      // the Env has ended, as `gone` says
  };

  Peer peer;
  State state = State::idle;
  std::int64_t since_ns = 0;  // the state
  std::string gone;
  std::uint64_t restored = 0;    // how often the session went on over another carrier
  std::int64_t restored_ns = 0;  // the last time
  std::size_t open_calls = 0;    // of this Env in the other one
  DirectionSeen sent;
  DirectionSeen received;
  CarrierSeen carrier;
  unsigned wire_version = 0;  // 0: there is no carrier
};

/// "connected"
std::string_view to_string(LinkSeen::State state) noexcept;

}  // namespace corps::net
