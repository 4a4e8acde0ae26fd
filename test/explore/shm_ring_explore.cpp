// The ring of a link over shared memory and its doorbells, in every order of the operations of writer and reader.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

#include "test/explore/explorer.hpp"

// The real source, on memory that the explorer watches.
#define atomic explored_atomic
#include "env/net/shm_ring.cpp"  // NOLINT: that is the point
#undef atomic

// Any sum of the bytes will do here.
std::uint32_t corps::net::crc32c(std::uint32_t so_far, std::span<std::byte const> bytes) noexcept {
  for (auto const byte : bytes) so_far = so_far * 31 + std::to_integer<std::uint32_t>(byte);
  return so_far;
}

namespace shm_ring_explore {

using corps::net::RingReader;
using corps::net::RingSide;
using corps::net::RingWriter;
using explore::the;

constexpr std::size_t ring_bytes = 2;
constexpr std::size_t stream_bytes_max = 4;

/// A bell of one side: rung as often as you like, it is heard once, and stays rung until then.
struct Bell {
  explore::Atomic<int> rung{0};
  void ring() { rung.store(1); }
  void wait() {
    the().point([this] { return rung.now() != 0; });
    rung.store(0);
  }
};

struct World {
  alignas(RingSide) std::byte writing_memory[sizeof(RingSide)];
  alignas(RingSide) std::byte reading_memory[sizeof(RingSide)];
  std::byte ring[ring_bytes];
  alignas(RingWriter) std::byte writer_memory[sizeof(RingWriter)];
  alignas(RingReader) std::byte reader_memory[sizeof(RingReader)];
  alignas(Bell) std::byte writers_bell_memory[sizeof(Bell)];
  alignas(Bell) std::byte readers_bell_memory[sizeof(Bell)];
  std::byte received[stream_bytes_max];
  std::size_t received_count;

  template <class T>
  static T& as(std::byte* memory) {
    return *std::launder(reinterpret_cast<T*>(memory));
  }
  RingWriter& writer() { return as<RingWriter>(writer_memory); }
  RingReader& reader() { return as<RingReader>(reader_memory); }
  Bell& writers_bell() { return as<Bell>(writers_bell_memory); }
  Bell& readers_bell() { return as<Bell>(readers_bell_memory); }

  void make() {
    std::memset(static_cast<void*>(this), 0, sizeof(*this));
    auto& writing = *new (writing_memory) RingSide;
    auto& reading = *new (reading_memory) RingSide;
    new (writer_memory) RingWriter(writing, ring, reading);
    new (reader_memory) RingReader(reading, writing, ring);
    new (writers_bell_memory) Bell;
    new (readers_bell_memory) Bell;
  }
};

World world;

/// Sends a stream in pieces of these sizes; each is published by itself.
void send(std::span<std::size_t const> sizes) {
  std::array<std::byte, stream_bytes_max> stream{};
  for (std::size_t i = 0; i < stream.size(); ++i) stream[i] = static_cast<std::byte>(i + 1);
  std::span<std::byte const> left = stream;
  for (auto const size : sizes) {
    auto piece = left.first(size);
    left = left.subspan(size);
    for (;;) {
      piece = piece.subspan(world.writer().put(piece));
      if (world.writer().publish()) world.readers_bell().ring();
      if (piece.empty()) break;
      if (world.writer().wait_for_room()) world.writers_bell().wait();
    }
  }
}

/// Receives for ever, at most `step` bytes at a time.
void receive(std::size_t step) {
  std::array<std::byte, ring_bytes> bytes{};
  for (;;) {
    auto const count = world.reader().take(std::span(bytes).first(step));
    if (count == 0) {
      if (world.reader().sleep()) world.readers_bell().wait();
      continue;
    }
    if (world.received_count + count > stream_bytes_max) return the().fail("more is received than was sent");
    std::copy_n(bytes.begin(), count, world.received + world.received_count);
    world.received_count += count;
    if (world.reader().made_room()) world.writers_bell().ring();
  }
}

void check(std::span<std::size_t const> sizes) {
  std::size_t sent = 0;
  for (auto const size : sizes) sent += size;
  if (world.received_count != sent) the().fail("bytes are lost: the reader sleeps, and nobody rings");
  for (std::size_t i = 0; i < std::min(sent, world.received_count); ++i) {
    if (world.received[i] != static_cast<std::byte>(i + 1)) the().fail("another byte is received than was sent");
  }
  if (!world.writer().failure().empty() || !world.reader().failure().empty()) the().fail("an honest peer is taken for another");
}

void explore_all(std::span<std::size_t const> sizes, std::size_t step) {
  auto const result = the().run(
      {std::as_writable_bytes(std::span{&world, 1})}, [] { world.make(); }, {[&] { send(sizes); }, [&] { receive(step); }},
      [&] { check(sizes); });
  REQUIRE_MESSAGE(result.failure.empty(), result.failure);
  CHECK(result.states > 50);
}

TEST_CASE("no byte is lost, and neither side sleeps while the other has something for it") {
  constexpr std::array<std::size_t, 2> small{1, 1};
  constexpr std::array<std::size_t, 1> larger_than_the_ring{3};
  constexpr std::array<std::size_t, 3> around_the_end{1, 2, 1};
  for (std::size_t const step : {1U, 2U}) {
    CAPTURE(step);
    explore_all(small, step);
    explore_all(larger_than_the_ring, step);
    if (std::getenv("TEST_FULL") != nullptr) explore_all(around_the_end, step);
  }
}

}  // namespace shm_ring_explore
