#include "env/net/internal/shm_ring.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace corps::net {

namespace {

// A count of the peer may only grow, and only up to what this side allows. The differences hold across 2^64 as well.
bool is_legal(std::uint64_t count, std::uint64_t seen, std::uint64_t most) noexcept { return count - seen <= most - seen; }

bool is_set(std::uint64_t wish) noexcept { return wish % 2 != 0; }

/// So many bytes of a ring from there on: two pieces, where they go round its end.
template <class Byte>
std::array<std::span<Byte>, 2> pieces(std::span<Byte> ring, std::uint64_t from, std::size_t count) noexcept {
  auto const at = static_cast<std::size_t>(from & (ring.size() - 1));
  auto const first = std::min(count, ring.size() - at);
  return {ring.subspan(at, first), ring.first(count - first)};
}

/// In one go; GCC 12 makes std::ranges::copy of bytes a loop over each.
void copy(std::span<std::byte const> from, std::span<std::byte> to) noexcept {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

// Each wish of the peer is answered with one ring, however many bytes come before it has woken.
bool is_to_be_rung(std::uint64_t wish, std::uint64_t& rung_for) noexcept {
  if (!is_set(wish) || wish == rung_for) return false;
  rung_for = wish;
  return true;
}

}  // namespace

// No doorbell is missed: one side writes its count and then reads the other's wish, the other writes its wish and then reads the
// count. All four are sequentially consistent, so at least one of the two sees what the other wrote.

bool RingWriter::look() noexcept {
  auto const taken = peer_.taken.load(std::memory_order_seq_cst);
  if (!is_legal(taken, taken_seen_, published_)) {
    failure_ = "the peer's read index in shared memory is out of range";
    return false;
  }
  taken_seen_ = taken;
  return true;
}

std::size_t RingWriter::put(std::span<std::byte const> bytes) noexcept {
  if (!failure_.empty()) return 0;
  if (is_set(waits_)) own_.waits_for_room.store(++waits_, std::memory_order_relaxed);
  if (bytes.size() > ring_.size() - (put_ - taken_seen_) && !look()) return 0;
  auto const count = std::min<std::size_t>(bytes.size(), ring_.size() - (put_ - taken_seen_));
  auto left = bytes.first(count);
  for (auto const place : pieces(ring_, put_, count)) {
    copy(left.first(place.size()), place);
    left = left.subspan(place.size());
  }
  crc_ = crc32c(crc_, bytes.first(count));
  put_ += count;
  return count;
}

bool RingWriter::publish() noexcept {
  if (published_ == put_) return false;
  published_ = put_;
  own_.written.store(Written{static_cast<std::uint32_t>(published_), crc_}.packed(), std::memory_order_seq_cst);
  return is_to_be_rung(peer_.sleeps.load(std::memory_order_seq_cst), rung_for_);
}

bool RingWriter::wait_for_room() noexcept {
  if (!failure_.empty()) return false;
  if (!is_set(waits_)) own_.waits_for_room.store(++waits_, std::memory_order_seq_cst);
  if (look() && put_ - taken_seen_ == ring_.size()) return true;
  own_.waits_for_room.store(++waits_, std::memory_order_relaxed);
  return false;
}

/// The bytes that the peer has shown are not handed on before all of them are known to be what it wrote.
bool RingReader::look() noexcept {
  auto const written = Written::from(peer_.written.load(std::memory_order_acquire));
  auto const count = written.count - static_cast<std::uint32_t>(whole_);
  if (count > ring_.size() - (whole_ - taken_)) {
    failure_ = "the peer's write index in shared memory is out of range";
    return false;
  }
  for (auto const place : pieces(ring_, whole_, count)) crc_ = crc32c(crc_, place);
  if (crc_ != written.crc) {
    damaged_ = true;
    failure_ = "the checksum of what the peer wrote into shared memory is wrong";
    return false;
  }
  whole_ += count;
  return true;
}

std::size_t RingReader::take(std::span<std::byte> to) noexcept {
  if (!failure_.empty()) return 0;
  if (is_set(sleeps_)) own_.sleeps.store(++sleeps_, std::memory_order_relaxed);
  if (whole_ - taken_ < to.size() && !look()) return 0;
  auto const count = std::min<std::size_t>(to.size(), whole_ - taken_);
  if (count == 0) return 0;
  for (auto const place : pieces(ring_, taken_, count)) {
    copy(place, to);
    to = to.subspan(place.size());
  }
  taken_ += count;
  own_.taken.store(taken_, std::memory_order_seq_cst);
  return count;
}

bool RingReader::made_room() noexcept { return is_to_be_rung(peer_.waits_for_room.load(std::memory_order_seq_cst), rung_for_); }

bool RingReader::sleep() noexcept {
  if (!failure_.empty()) return false;
  if (!is_set(sleeps_)) own_.sleeps.store(++sleeps_, std::memory_order_seq_cst);
  if (Written::from(peer_.written.load(std::memory_order_seq_cst)).count == static_cast<std::uint32_t>(taken_)) return true;
  own_.sleeps.store(++sleeps_, std::memory_order_relaxed);
  return false;
}

}  // namespace corps::net
