// The handshake: no bytes but those of a peer with the secret open a connection, and strangers are not answered.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "env/net/internal/handshake.hpp"

namespace {

using namespace corps::net;
using State = Handshake::State;
using Bytes = std::vector<std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

Identity identity(corps::EnvId env, unsigned char secret) {
  Identity made;
  made.corps_id.fill(std::byte{0xc0});
  made.secret.fill(std::byte{secret});
  made.self = {env, 1};
  return made;
}

// Feeds `bytes` in two pieces, cut at `cut`.
State feed(Handshake& to, Bytes const& bytes, std::size_t cut) {
  auto const all = std::span<std::byte const>(bytes);
  auto const first_size = bytes.empty() ? 0 : cut % bytes.size();
  auto first = all.first(first_size);
  auto second = all.subspan(first_size);
  to.feed(first);
  return to.feed(second);
}

// Bytes of the fuzzer to one side. It does not have the secret.
void attack(bool client_side, Bytes const& bytes, std::size_t cut) {
  auto const self = identity(client_side ? 1 : 0, 0x5e);
  corps::host::SeededRandom random(1);
  auto side = client_side ? Handshake::client(self, {0, 1}, random) : Handshake::server(self, random);
  static_cast<void>(side.output());
  auto const state = feed(side, bytes, cut);
  require(state == State::going || state == State::failed);
  require((state == State::failed) == !side.reason().empty());
  auto const answer = side.output();
  bool const right_magic = bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
  if (!right_magic) require(answer.empty());
  require(answer.size() <= magic.size() + header_bytes + challenge_bytes + header_bytes + refuse_bytes);
}

struct Edit {
  std::uint8_t message, at, mask;
};

// A valid exchange with a few bytes changed on the way: if any was, it opens nothing.
void tamper(std::vector<Edit> const& edits, std::size_t cut) {
  auto const client_identity = identity(1, 0x5e);
  auto const server_identity = identity(0, 0x5e);
  corps::host::SeededRandom random(1);
  auto client = Handshake::client(client_identity, {0, 1}, random);
  auto server = Handshake::server(server_identity, random);
  std::uint8_t message = 0;
  bool changed_by_client = false;
  bool changed_by_server = false;
  auto const carry = [&](Handshake& from, Handshake& to, bool& changed) {
    auto bytes = from.output();
    auto const before = bytes;
    for (auto const& edit : edits) {
      if (edit.message == message && edit.at < bytes.size()) bytes[edit.at] ^= std::byte{edit.mask};
    }
    changed = changed || bytes != before;
    ++message;
    feed(to, bytes, cut);
  };
  for (int round = 0; round < 2; ++round) {
    carry(client, server, changed_by_client);
    if (server.state() == State::proved) {
      require(!changed_by_client && !changed_by_server);
      server.admit(true);
    }
    carry(server, client, changed_by_server);
  }
  bool const clean = !changed_by_client && !changed_by_server;
  require((client.state() == State::established) == clean);
  if (clean) require(server.state() == State::established);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  auto const rest = std::as_bytes(std::span(data, size)).subspan(2);
  Bytes bytes(rest.begin(), rest.end());
  std::size_t const cut = data[1];
  switch (data[0] % 4) {
    case 0: attack(true, bytes, cut); break;
    case 1: attack(false, bytes, cut); break;
    case 2:  // with the magic given, the rest is reached sooner
      bytes.insert(bytes.begin(), magic.begin(), magic.end());
      attack(cut % 2 == 0, bytes, cut / 2);
      break;
    default: {
      std::vector<Edit> edits;
      for (std::size_t i = 0; i + 3 <= rest.size() && edits.size() < 8; i += 3) {
        edits.push_back({static_cast<std::uint8_t>(std::to_integer<unsigned>(rest[i]) % 4),
                         std::to_integer<std::uint8_t>(rest[i + 1]), std::to_integer<std::uint8_t>(rest[i + 2])});
      }
      tamper(edits, cut);
    }
  }
  return 0;
}
