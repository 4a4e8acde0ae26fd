#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "corps/address.hpp"
#include "env/net/internal/wire.hpp"

namespace corps::net {

/// One life of one Env: the epoch counts how often the Env was started.
struct Peer {
  corps::EnvId env = 0;
  std::uint32_t epoch = 0;

  friend bool operator==(Peer const&, Peer const&) = default;
};

/// What an Env proves of itself, and what it asks of others. The secret is known to the Envs of one boot of one Corps only.
struct Identity {
  std::array<std::byte, corps_id_bytes> corps_id{};
  std::array<std::byte, secret_bytes> secret{};
  Peer self;
};

/// "env 3, epoch 1"
std::string to_string(Peer peer);

}  // namespace corps::net
