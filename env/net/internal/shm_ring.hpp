#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "env/net/internal/crc32c.hpp"

namespace corps::net {

/// How far a stream has been written, and what is in it, in one number: so that a reader always sees two that belong together.
struct Written {
  std::uint32_t count = 0;                // of its bytes, modulo 2^32
  std::uint32_t crc = crc32c_of_nothing;  // of all of them

  std::uint64_t packed() const noexcept { return std::uint64_t{crc} << 32 | count; }
  static Written from(std::uint64_t packed) noexcept {
    return {static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(packed >> 32)};
  }
};

/// What one side of a link over shared memory shows the other, in front of the ring that it writes into. Its owner alone writes
/// here; the peer can only read (shm_memory.hpp). All of it may change at any moment to anything: the peer may be hostile.
struct RingSide {
  // Of the owner's RingWriter.
  alignas(64) std::atomic<std::uint64_t> written{Written{}.packed()};  // what the owner's ring has ever held: a Written
  std::atomic<std::uint64_t> waits_for_room{0};                        // odd: ring when bytes were taken. A new number each time
  // Of the owner's RingReader.
  alignas(64) std::atomic<std::uint64_t> taken{0};  // bytes taken out of the peer's ring
  std::atomic<std::uint64_t> sleeps{0};             // odd: ring when bytes were written. A new number each time
};

/// Puts a stream of bytes into the ring of its own side.
/// Threads: one at a time. Ownership: all it is given must outlive it; the size of the ring is a power of two. Limits: allocates
/// nothing, and never waits: what there is no room for is the caller's to keep.
class RingWriter {
 public:
  RingWriter(RingSide& own, std::span<std::byte> ring, RingSide const& peer) noexcept : own_(own), ring_(ring), peer_(peer) {}

  /// Takes as many of `bytes` as there is room for, and says how many. The peer sees them with publish(), and not before: of a
  /// side that ends in between nothing is seen.
  std::size_t put(std::span<std::byte const> bytes) noexcept;
  /// Shows the peer what was put. True: it sleeps, and its doorbell is to be rung.
  [[nodiscard]] bool publish() noexcept;
  /// After publish(), when put() took less than all. True: the ring is full, and the peer rings when it has taken some. False:
  /// there is room already, or failure().
  [[nodiscard]] bool wait_for_room() noexcept;

  /// Why the link must end; empty as long as the peer keeps to the rules.
  std::string_view failure() const noexcept { return failure_; }

 private:
  bool look() noexcept;

  RingSide& own_;
  std::span<std::byte> ring_;
  RingSide const& peer_;
  std::uint64_t put_ = 0;
  std::uint64_t published_ = 0;
  std::uint32_t crc_ = crc32c_of_nothing;  // of what was put
  std::uint64_t taken_seen_ = 0;
  std::uint64_t waits_ = 0;
  std::uint64_t rung_for_ = 0;  // the sleep of the peer that it was woken from
  std::string_view failure_;
};

/// Takes the stream out of the ring of the peer's side.
/// Threads, ownership and limits: as a RingWriter.
class RingReader {
 public:
  RingReader(RingSide& own, RingSide const& peer, std::span<std::byte const> ring) noexcept
      : own_(own), peer_(peer), ring_(ring) {}

  /// Copies out what there is, at most `to.size()` bytes, and says how many: whatever was seen to be whole first. Nobody but the
  /// caller can change the copy.
  std::size_t take(std::span<std::byte> to) noexcept;
  /// After take() took something. True: the peer waits for room, and its doorbell is to be rung.
  [[nodiscard]] bool made_room() noexcept;
  /// Whether take() would find something, or failure().
  bool has_come() const noexcept {
    return !failure_.empty() ||
           Written::from(peer_.written.load(std::memory_order_acquire)).count != static_cast<std::uint32_t>(taken_);
  }
  /// After take() found nothing. True: the peer rings when there is something. False: there is something, or failure().
  [[nodiscard]] bool sleep() noexcept;

  std::string_view failure() const noexcept { return failure_; }
  /// It is no rule that the peer broke: bytes are others than it wrote.
  bool is_damaged() const noexcept { return damaged_; }

 private:
  bool look() noexcept;

  RingSide& own_;
  RingSide const& peer_;
  std::span<std::byte const> ring_;
  std::uint64_t taken_ = 0;
  std::uint64_t whole_ = 0;                // as far as it was looked at
  std::uint32_t crc_ = crc32c_of_nothing;  // of that
  std::uint64_t sleeps_ = 0;
  std::uint64_t rung_for_ = 0;
  bool damaged_ = false;
  std::string_view failure_;
};

}  // namespace corps::net
