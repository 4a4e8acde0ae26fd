#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "env/net/internal/frame.hpp"
#include "env/net/internal/shm_memory.hpp"
#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_shm_test {

using test::Bytes;

constexpr std::size_t small_ring = 64;

/// Both sides of a link, in one process.
struct Pair {
  explicit Pair(std::size_t ring_bytes = small_ring)
      : a(must_make(ring_bytes)), b(must_make(ring_bytes)), a_seen(must_map(a)), b_seen(must_map(b)) {}

  static OwnSide must_make(std::size_t ring_bytes) {
    std::string why;
    auto side = OwnSide::make(why, ring_bytes);
    REQUIRE_MESSAGE(side, why);
    return std::move(*side);
  }
  static PeerSide must_map(OwnSide& side) {
    std::string why;
    auto seen = PeerSide::map(std::move(side.fd()), why);
    REQUIRE_MESSAGE(seen, why);
    return std::move(*seen);
  }

  OwnSide a;
  OwnSide b;
  PeerSide a_seen;  // by b
  PeerSide b_seen;  // by a
  RingWriter writer{a.side(), a.ring(), b_seen.side()};
  RingReader reader{b.side(), a_seen.side(), a_seen.ring()};
};

Bytes pattern(std::size_t size, unsigned first = 0) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(first++);
  return bytes;
}

Bytes take_all(RingReader& reader, std::size_t step = 4096) {
  Bytes all;
  Bytes piece(step);
  while (auto const count = reader.take(piece)) all.insert(all.end(), piece.begin(), piece.begin() + static_cast<long>(count));
  return all;
}

TEST_CASE("shm: what is written is read, at every place of the ring, and not before it is published") {
  Pair link;
  for (std::size_t size = 1; size <= small_ring; ++size) {
    for (int turn = 0; turn < 3; ++turn) {
      auto const bytes = pattern(size, static_cast<unsigned>(size) * 7);
      REQUIRE(link.writer.put(bytes) == size);
      CHECK(take_all(link.reader).empty());
      CHECK_FALSE(link.writer.publish());  // nobody sleeps
      CHECK(take_all(link.reader, 1 + size / 3) == bytes);
    }
  }
  CHECK(link.reader.failure().empty());
  CHECK(link.writer.failure().empty());
}

TEST_CASE("shm: a full ring takes what there is room for, and its reader rings once when it has made room") {
  Pair link;
  auto const bytes = pattern(small_ring + 10);
  CHECK(link.writer.put(bytes) == small_ring);
  CHECK_FALSE(link.writer.publish());
  CHECK(link.writer.put(bytes) == 0);
  CHECK(link.writer.wait_for_room());
  Bytes piece(16);
  CHECK(link.reader.take(piece) == 16);
  CHECK(link.reader.made_room());
  CHECK(link.reader.take(piece) == 16);
  CHECK_FALSE(link.reader.made_room());
  CHECK_FALSE(link.writer.wait_for_room());
  CHECK(link.writer.put(std::span(bytes).subspan(small_ring)) == 10);
  CHECK_FALSE(link.writer.publish());
  CHECK(link.reader.take(piece) == 16);
  CHECK_FALSE(link.reader.made_room());  // the writer went on, and waits no more
}

TEST_CASE("shm: a reader that sleeps is woken once, and one that is awake is left alone") {
  Pair link;
  CHECK(link.reader.sleep());
  CHECK(link.writer.put(pattern(1)) == 1);
  CHECK_FALSE(link.reader.has_come());
  CHECK(link.writer.publish());
  CHECK(link.reader.has_come());
  CHECK(link.writer.put(pattern(1)) == 1);
  CHECK_FALSE(link.writer.publish());
  CHECK_FALSE(link.writer.publish());  // nothing new
  CHECK_FALSE(link.reader.sleep());
  CHECK(take_all(link.reader).size() == 2);
  CHECK_FALSE(link.reader.has_come());
  CHECK(link.writer.put(pattern(1)) == 1);
  CHECK_FALSE(link.writer.publish());
  CHECK_FALSE(link.reader.sleep());
  CHECK(take_all(link.reader).size() == 1);
  CHECK(link.reader.sleep());
  CHECK(link.writer.put(pattern(1)) == 1);
  CHECK(link.writer.publish());
}

TEST_CASE("shm: frames larger than the ring travel in pieces") {
  Pair link;
  auto const frame = test::frame_bytes(FrameKind::request, pattern(10 * small_ring + 7));
  FrameReader frames(Phase::established, 1 << 20);
  std::size_t sent = 0;
  std::size_t received = 0;
  while (sent < frame.size()) {
    sent += link.writer.put(std::span(frame).subspan(sent));
    CHECK_FALSE(link.writer.publish());
    auto const bytes = take_all(link.reader, 23);
    std::span<std::byte const> rest = bytes;
    if (auto const whole = frames.next(rest)) received = whole->payload.size();
  }
  CHECK(received == 10 * small_ring + 7);
  CHECK(frames.failure().empty());
}

TEST_CASE("shm: of a writer that ends at any byte, exactly what it had published is read") {
  auto const stream = test::frame_bytes(FrameKind::request, pattern(30));
  for (std::size_t published = 0; published <= stream.size(); ++published) {
    Pair link;
    link.writer.put(std::span(stream).first(published));
    static_cast<void>(link.writer.publish());
    link.writer.put(std::span(stream).subspan(published));  // and it dies
    auto const bytes = take_all(link.reader);
    REQUIRE(bytes == Bytes(stream.begin(), stream.begin() + static_cast<long>(published)));
    FrameReader frames(Phase::established, 4096);
    std::span<std::byte const> rest = bytes;
    CHECK(frames.next(rest).has_value() == (published == stream.size()));
    CHECK(frames.in_frame() == (published != 0 && published != stream.size()));
    CHECK(link.reader.failure().empty());
  }
}

TEST_CASE("shm: a process that is killed while it writes leaves nothing but whole pieces") {
  for (int kill_after = 1; kill_after <= 4'096; kill_after *= 8) {
    Pair link(shm_ring_bytes);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // Pieces of 1 to 97 bytes, each full of its own length.
      std::array<std::byte, 97> piece{};
      for (std::size_t size = 1;; size = size % piece.size() + 1) {
        piece.fill(static_cast<std::byte>(size));
        std::size_t done = 0;
        while (done < size) {
          done += link.writer.put(std::span(piece).subspan(done, size - done));
          if (done == size) static_cast<void>(link.writer.publish());
        }
      }
    }
    Bytes all;
    Bytes part(1000);
    while (all.size() < static_cast<std::size_t>(kill_after)) {
      auto const count = link.reader.take(part);
      all.insert(all.end(), part.begin(), part.begin() + static_cast<long>(count));
    }
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    for (auto const byte : take_all(link.reader)) all.push_back(byte);
    CHECK(link.reader.failure().empty());
    std::size_t at = 0;
    for (std::size_t size = 1; at < all.size(); size = size % 97 + 1) {
      REQUIRE(all.size() - at >= size);
      REQUIRE(std::all_of(all.begin() + static_cast<long>(at), all.begin() + static_cast<long>(at + size),
                          [&](std::byte byte) { return byte == static_cast<std::byte>(size); }));
      at += size;
    }
  }
}

TEST_CASE("shm: counts that cannot be are told, and nothing is taken any more") {
  SUBCASE("more written than the ring holds") {
    Pair link;
    link.a.side().written = small_ring + 1;
    CHECK(take_all(link.reader).empty());
    CHECK(link.reader.failure() == "the peer's write index in shared memory is out of range");
    CHECK_FALSE(link.reader.sleep());
    link.a.side().written = 1;
    CHECK(take_all(link.reader).empty());
  }
  SUBCASE("less written than before") {
    Pair link;
    link.a.side().written = Written{10, crc32c(crc32c_of_nothing, Bytes(10))}.packed();
    Bytes piece(5);
    CHECK(link.reader.take(piece) == 5);
    link.a.side().written = 7;
    CHECK(link.reader.take(piece) == 5);  // of what was seen before
    CHECK(link.reader.take(piece) == 0);
    CHECK_FALSE(link.reader.failure().empty());
  }
  SUBCASE("more taken than written") {
    Pair link;
    CHECK(link.writer.put(pattern(small_ring)) == small_ring);
    link.b.side().taken = 1;  // not published yet
    CHECK(link.writer.put(pattern(1)) == 0);
    CHECK(link.writer.failure() == "the peer's read index in shared memory is out of range");
    CHECK_FALSE(link.writer.wait_for_room());
  }
  SUBCASE("less taken than before") {
    Pair link;
    CHECK(link.writer.put(pattern(small_ring)) == small_ring);
    static_cast<void>(link.writer.publish());
    link.b.side().taken = 10;
    CHECK(link.writer.put(pattern(small_ring)) == 10);
    static_cast<void>(link.writer.publish());
    link.b.side().taken = 9;
    CHECK(link.writer.put(pattern(1)) == 0);
    CHECK_FALSE(link.writer.failure().empty());
  }
}

TEST_CASE("shm: a bit that is another than was written is told, and nothing of what was shown with it is handed on") {
  CHECK(crc32c(crc32c_of_nothing, test::view("123456789")) == ~0xE3069283U);  // the check value that all catalogues give
  constexpr std::size_t before = 5;
  for (std::size_t size = 1; size <= small_ring; size += 9) {
    for (std::size_t bit = 0; bit < 8 * size + 32; ++bit) {
      Pair link;
      REQUIRE(link.writer.put(pattern(before)) == before);
      static_cast<void>(link.writer.publish());
      REQUIRE(take_all(link.reader) == pattern(before));
      REQUIRE(link.writer.put(pattern(size, 9)) == size);
      static_cast<void>(link.writer.publish());
      if (bit < 8 * size) {
        link.a.ring()[(before + bit / 8) % small_ring] ^= static_cast<std::byte>(1U << bit % 8);
      } else {
        link.a.side().written ^= std::uint64_t{1} << (32 + bit - 8 * size);
      }
      REQUIRE(take_all(link.reader, 1 + size / 2).empty());
      REQUIRE(link.reader.is_damaged());
      REQUIRE(link.reader.failure() == "the checksum of what the peer wrote into shared memory is wrong");
      REQUIRE_FALSE(link.reader.sleep());
    }
  }
}

TEST_CASE("shm: a peer that scribbles over all it can write ends its own link and does no other harm") {
  auto const* const seed_text = std::getenv("TEST_SEED");
  auto const seed = seed_text != nullptr ? static_cast<unsigned>(std::atoi(seed_text)) : 20'261'123U;
  INFO("TEST_SEED=" << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 40; ++round) {
    // The peer owns a; this side has b, and reads and writes in turn.
    Pair link;
    RingWriter own_writer(link.b.side(), link.b.ring(), link.a_seen.side());
    auto const own_ring = pattern(small_ring, 3);
    auto const scribble = [&] {
      auto* const side = reinterpret_cast<std::byte*>(&link.a.side());
      std::array<std::size_t, 4> const fields{0, 8, 64, 72};
      switch (random() % 3) {
        case 0: link.a.ring()[random() % small_ring] = static_cast<std::byte>(random()); break;
        case 1: side[fields[random() % 4] + random() % 8] = static_cast<std::byte>(random()); break;
        default: side[fields[random() % 4]] = static_cast<std::byte>(random() % 80); break;
      }
    };
    std::uint64_t read = 0;
    for (int step = 0; step < 500; ++step) {
      scribble();
      Bytes piece(random() % 100);
      auto const count = link.reader.take(piece);
      REQUIRE(count <= piece.size());
      REQUIRE(count <= small_ring);
      read += count;
      static_cast<void>(link.reader.made_room());
      static_cast<void>(link.reader.sleep());
      REQUIRE(own_writer.put(std::span(own_ring).first(random() % small_ring)) <= small_ring);
      static_cast<void>(own_writer.publish());
      static_cast<void>(own_writer.wait_for_room());
      REQUIRE(link.b.side().taken.load() == read);
    }
  }
}

// --- memory ------------------------------------------------------------------------------------------------------

host::UniqueFd memory_file(std::size_t size, int seals) {
  host::UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(fd);
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

std::string refusal_of(host::UniqueFd fd) {
  std::string why;
  CHECK_FALSE(PeerSide::map(std::move(fd), why).has_value());
  return why;
}

constexpr int good_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

TEST_CASE("shm: memory that is not sealed, or of another size, is not mapped") {
  auto const size = shm_side_bytes + shm_ring_bytes;
  for (int const missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL}) {
    CHECK(refusal_of(memory_file(size, good_seals & ~missing)) == "the peer's memory file is not sealed");
  }
  for (std::size_t const bad : {std::size_t{0}, std::size_t{1}, shm_side_bytes - 1, shm_side_bytes, size - 1, size + 1,
                                size - shm_side_bytes, shm_side_bytes + 2 * shm_ring_bytes_max, std::size_t{1} << 40}) {
    CHECK(refusal_of(memory_file(bad, good_seals)) ==
          "the peer's memory file has a size of " + std::to_string(bad) + " bytes, which no ring has");
  }
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  host::UniqueFd const other_end(pipe[1]);
  CHECK(refusal_of(host::UniqueFd(pipe[0])) == "the peer's descriptor is no memory file");
  CHECK(refusal_of(host::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))) == "the peer's descriptor is no memory file");
  CHECK(refusal_of(host::UniqueFd()) == "the peer's descriptor is no memory file");

  std::string why;
  CHECK(PeerSide::map(memory_file(size, good_seals), why).has_value());
}

TEST_CASE("shm: nobody but its maker can write to a side, or change its size or its seals") {
  std::string why;
  auto own = OwnSide::make(why);
  REQUIRE_MESSAGE(own, why);
  int const fd = own->fd().get();
  CHECK(::mmap(nullptr, shm_side_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* const seen = ::mmap(nullptr, shm_side_bytes, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(seen != MAP_FAILED);
  CHECK(::mprotect(seen, shm_side_bytes, PROT_READ | PROT_WRITE) != 0);
  ::munmap(seen, shm_side_bytes);
  char const byte = 'x';
  CHECK(::pwrite(fd, &byte, 1, 0) < 0);
  CHECK(::ftruncate(fd, 0) != 0);
  CHECK(::ftruncate(fd, 1 << 20) != 0);
  CHECK(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("shm: a side of a link that is not used takes one page; without descriptors there is none, and it says so") {
  Pair link(shm_ring_bytes);
  Bytes nothing(10);
  CHECK(link.reader.take(nothing) == 0);
  CHECK(link.reader.sleep());
  std::array<unsigned char, (shm_side_bytes + shm_ring_bytes) / 4096> resident{};
  auto* const begin = reinterpret_cast<void*>(&link.a.side());
  REQUIRE(::mincore(begin, shm_side_bytes + shm_ring_bytes, resident.data()) == 0);
  CHECK(std::count_if(resident.begin(), resident.end(), [](unsigned char page) { return (page & 1U) != 0; }) == 1);

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit const none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::string why;
  auto const made = OwnSide::make(why);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(made.has_value());
  CHECK(why == "no memory file: Too many open files");
}

}  // namespace net_shm_test
}  // namespace corps::net
