// TLS: bytes of a stranger open nothing and cost no more than they are, and what is changed on the way between two Envs never
// arrives.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "env/net/internal/tls_channel.hpp"
#include "test/unit/tls_kit.hpp"

namespace {

using namespace corps::net;
using Bytes = std::vector<std::byte>;

constexpr std::size_t flight_bytes_max = std::size_t{128} << 10;

void require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<TlsContext const> context() {
  static test::Folder const folder;
  static test::Authority const ca;
  static auto const made = std::make_shared<TlsContext const>(test::settings_of(folder, ca.pem(), ca.issue({})));
  return made;
}

/// What the channel has to say, by way of a socket.
Bytes said(TlsChannel& channel, std::span<std::byte const> bytes = {}) {
  std::array<int, 2> sockets{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
  corps::host::UniqueFd const from(sockets[0]);
  corps::host::UniqueFd const to(sockets[1]);
  iovec const part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  auto const taken = channel.write(from.get(), std::span(&part, 1));
  require(taken >= 0 || !channel.failure().empty());
  Bytes all(flight_bytes_max);
  auto const got = ::recv(to.get(), all.data(), all.size(), MSG_DONTWAIT);
  all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return all;
}

/// Feeds `bytes` in two pieces, cut at `cut`; returns what the peer is believed to have said.
Bytes heard(TlsChannel& channel, std::span<std::byte const> bytes, std::size_t cut) {
  Bytes all;
  std::array<std::byte, 1000> part;
  auto const first = bytes.empty() ? 0 : cut % bytes.size();
  for (auto const piece : {bytes.first(first), bytes.subspan(first)}) {
    channel.feed(piece);
    while (auto const size = channel.read(part))
      all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return all;
}

void attack(TlsRole role, std::span<std::byte const> bytes, std::size_t cut) {
  TlsChannel channel(context(), role);
  require(channel.read({}) == 0);
  static_cast<void>(said(channel));
  require(heard(channel, bytes, cut).empty());
  require(!channel.is_open());
  require(said(channel).size() <= (std::size_t{16} << 10));
}

struct Edit {
  std::uint8_t flight;
  std::uint16_t at;
  std::uint8_t mask;
};

// A whole conversation with a few bytes changed on the way.
void tamper(std::vector<Edit> const& edits, std::size_t cut) {
  TlsChannel client(context(), TlsRole::client);
  TlsChannel server(context(), TlsRole::server);
  std::uint8_t flight = 0;
  Bytes const text(3'000, std::byte{0x5a});
  bool client_changed = false;
  bool server_changed = false;
  auto const carry = [&](TlsChannel& from, TlsChannel& to, bool& changed) {
    auto bytes = said(from, from.is_open() ? std::span<std::byte const>(text) : std::span<std::byte const>{});
    for (auto const& edit : edits) {
      if (edit.flight != flight || bytes.empty() || edit.mask == 0) continue;
      bytes[edit.at % bytes.size()] ^= std::byte{edit.mask};
      changed = true;
    }
    ++flight;
    auto const got = heard(to, bytes, cut);
    require(std::ranges::all_of(got, [](std::byte byte) { return byte == std::byte{0x5a}; }));
    require(got.size() % text.size() == 0);
  };
  require(client.read({}) == 0);
  for (int round = 0; round < 3; ++round) {
    carry(client, server, client_changed);
    carry(server, client, server_changed);
  }
  if (!client_changed && !server_changed) require(client.is_open() && server.is_open() && server.failure().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  auto const rest = std::as_bytes(std::span(data, size)).subspan(2);
  std::size_t const cut = data[1];
  switch (data[0] % 3) {
    case 0: attack(TlsRole::server, rest, cut); break;
    case 1: attack(TlsRole::client, rest, cut); break;
    default: {
      std::vector<Edit> edits;
      for (std::size_t i = 0; i + 4 <= rest.size() && edits.size() < 8; i += 4) {
        auto const byte = [&](std::size_t at) { return std::to_integer<unsigned>(rest[i + at]); };
        edits.push_back({static_cast<std::uint8_t>(byte(0) % 6), static_cast<std::uint16_t>(byte(1) << 8 | byte(2)),
                         static_cast<std::uint8_t>(byte(3))});
      }
      tamper(edits, cut);
    }
  }
  return 0;
}
