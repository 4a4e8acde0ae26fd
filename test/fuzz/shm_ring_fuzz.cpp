// The ring of a link over shared memory: two honest sides exchange a stream whole and in order, whatever the order of their
// steps; and from the first byte that a hostile peer scribbles, the other side reads and writes within its bounds and nowhere
// else.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "env/net/internal/shm_ring.hpp"

namespace {

using namespace corps::net;

constexpr std::size_t ring_bytes = 32;

void require(bool holds) {
  if (!holds) std::abort();
}

/// On the heap, where the sanitizer sees a byte past the end.
struct Side {
  RingSide side;
  std::unique_ptr<std::byte[]> memory = std::make_unique<std::byte[]>(ring_bytes);  // NOLINT
  std::span<std::byte> ring() { return {memory.get(), ring_bytes}; }
};

struct World {
  Side us;
  Side peer;
  RingWriter peer_writer{peer.side, peer.ring(), us.side};
  RingReader reader{us.side, peer.side, peer.ring()};
  RingWriter writer{us.side, us.ring(), peer.side};
  RingReader peer_reader{peer.side, us.side, us.ring()};
  bool honest = true;
  bool asleep = false;     // our reader
  bool blocked = false;    // the peer's writer
  std::uint64_t sent = 0;  // by the peer: byte n of its stream is n, modulo 256
  std::uint64_t published = 0;
  std::uint64_t received = 0;
  std::uint64_t own_sent = 0;
};

void peer_puts(World& world, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(world.sent + i);
  auto const count = world.peer_writer.put(bytes);
  require(count <= size);
  if (world.honest) require(count == std::min<std::uint64_t>(size, ring_bytes - (world.sent - world.received)));
  world.sent += count;
  world.blocked = false;
}

void peer_publishes(World& world) {
  bool const rings = world.peer_writer.publish();
  bool const is_new = world.published != world.sent;
  world.published = world.sent;
  if (!world.honest) return;
  require(rings == (world.asleep && is_new));
  world.asleep = world.asleep && !rings;  // woken: rung once, until it sleeps again
}

void we_take(World& world, std::size_t size) {
  std::vector<std::byte> bytes(size);
  auto const count = world.reader.take(bytes);
  require(count <= std::min(size, ring_bytes));
  world.asleep = false;
  bool const rings = count != 0 && world.reader.made_room();
  if (world.honest) {
    require(count == std::min<std::uint64_t>(size, world.published - world.received));
    for (std::size_t i = 0; i < count; ++i) require(bytes[i] == static_cast<std::byte>(world.received + i));
    require(rings == (world.blocked && count != 0));
    world.blocked = world.blocked && !rings;
  }
  if (!world.reader.failure().empty()) require(count == 0);
  world.received += count;
  require(world.us.side.taken.load() == world.received);
}

void we_sleep(World& world) {
  we_take(world, ring_bytes);
  world.asleep = world.reader.sleep();
  if (world.honest) require(world.asleep);
}

void peer_waits(World& world) {
  peer_puts(world, 2 * ring_bytes);
  peer_publishes(world);
  world.blocked = world.peer_writer.wait_for_room();
  if (world.honest) require(world.blocked);
}

void we_write(World& world, std::size_t size) {
  std::vector<std::byte> const bytes(size);
  auto const count = world.writer.put(bytes);
  require(count <= std::min(size, ring_bytes));
  world.own_sent += count;
  static_cast<void>(world.writer.publish());
  require(Written::from(world.us.side.written.load()).count == static_cast<std::uint32_t>(world.own_sent));
  if (!world.writer.failure().empty()) require(!world.writer.wait_for_room());
}

void peer_scribbles(World& world, std::size_t where, std::byte what) {
  world.honest = false;
  if (where < ring_bytes) {
    world.peer.ring()[where] = what;
  } else {
    auto* const bytes = reinterpret_cast<std::byte*>(&world.peer.side);
    bytes[(where - ring_bytes) % sizeof(RingSide)] = what;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const world = std::make_unique<World>();
  for (std::size_t at = 0; at + 2 < size; at += 3) {
    auto const number = std::size_t{data[at + 1]};
    switch (data[at] % 8) {
      case 0: peer_puts(*world, number % (2 * ring_bytes)); break;
      case 1: peer_publishes(*world); break;
      case 2: we_take(*world, number % (2 * ring_bytes)); break;
      case 3: we_sleep(*world); break;
      case 4: we_write(*world, number % (2 * ring_bytes)); break;
      case 5: peer_waits(*world); break;
      case 6: {
        std::array<std::byte, ring_bytes> taken{};
        static_cast<void>(world->peer_reader.take(std::span(taken).first(number % ring_bytes)));
        break;
      }
      default: peer_scribbles(*world, number, std::byte{data[at + 2]}); break;
    }
  }
  return 0;
}
