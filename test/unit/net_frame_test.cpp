#include "env/net/internal/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "test/unit/net_test_kit.hpp"

namespace corps::net {
namespace net_frame_test {

using test::Bytes;
using test::bytes_of;
using test::frame_bytes;
using test::text_of;

using Read = std::vector<std::pair<FrameKind, std::string>>;

// Feeds `stream` in pieces of `step` bytes.
Read read_all(FrameReader& reader, Bytes const& stream, std::size_t step) {
  Read frames;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    auto bytes = std::span<std::byte const>(stream).subspan(at, std::min(step, stream.size() - at));
    while (auto const frame = reader.next(bytes)) frames.emplace_back(frame->kind, text_of(frame->payload));
    if (!reader.failure().empty()) break;
    CHECK(bytes.empty());
  }
  return frames;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (auto const& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_CASE("frame: a header has the documented bytes") {
  auto const header = frame_header(FrameKind::answer, 0x01020304);
  CHECK(Bytes(header.begin(), header.end()) ==
        Bytes{std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}, std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}});
}

TEST_CASE("frame: frames are the same however the stream is cut") {
  std::string const large(10'000, 'x');
  auto const stream = joined({frame_bytes(FrameKind::request, bytes_of("one")), frame_bytes(FrameKind::answer, {}),
                              frame_bytes(FrameKind::control, bytes_of(large)), frame_bytes(FrameKind::error, bytes_of("e"))});
  Read const expected{{FrameKind::request, "one"}, {FrameKind::answer, ""}, {FrameKind::control, large}, {FrameKind::error, "e"}};
  for (std::size_t const step : {1U, 2U, 3U, 7U, 8U, 9U, 11U, 64U, 1000U, 4096U, 100'000U}) {
    CAPTURE(step);
    FrameReader reader(Phase::established, 1 << 20);
    CHECK(read_all(reader, stream, step) == expected);
    CHECK(reader.failure().empty());
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("frame: every kind in every phase") {
  using P = Phase;
  std::set<std::pair<Phase, unsigned>> const legal{{P::established, 1},
                                                   {P::established, 2},
                                                   {P::established, 3},
                                                   {P::established, 4},
                                                   {P::established, 5},
                                                   {P::established, 6},
                                                   {P::established, 7},
                                                   {P::established, 8},
                                                   {P::established, 9},
                                                   {P::established, 15},
                                                   {P::server_awaits_hello, 16},
                                                   {P::server_awaits_proof, 18},
                                                   {P::client_awaits_challenge, 17},
                                                   {P::client_awaits_accept, 19},
                                                   {P::client_awaits_challenge, 20},
                                                   {P::client_awaits_accept, 20}};
  for (auto const phase :
       {P::server_awaits_hello, P::server_awaits_proof, P::client_awaits_challenge, P::client_awaits_accept, P::established}) {
    for (unsigned kind = 0; kind < 256; ++kind) {
      CAPTURE(static_cast<int>(phase));
      CAPTURE(kind);
      FrameReader reader(phase, unproved_payload_bytes_max);
      auto const stream = frame_bytes(1, static_cast<std::uint8_t>(kind), bytes_of("p"));
      bool const expected = legal.contains({phase, kind});
      CHECK(read_all(reader, stream, 4096).size() == (expected ? 1U : 0U));
      CHECK(reader.failure().empty() == expected);
      if (!expected) CHECK(reader.failure() == "unexpected frame: " + kind_text(static_cast<std::uint8_t>(kind)));
    }
  }
}

TEST_CASE("frame: flags must be zero, and the number where there is none") {
  for (auto const& stream :
       {frame_bytes(0, 1, {}, 1), frame_bytes(0, 1, {}, 0x80), frame_bytes(0, 5, {}, 0, 1), frame_bytes(0, 7, {}, 0, 0x8000)}) {
    for (std::size_t const step : {1U, 100U}) {
      FrameReader reader(Phase::established, 1 << 20);
      CHECK(read_all(reader, stream, step).empty());
      CHECK(reader.failure() == "frame with unknown flags");
    }
  }
}

TEST_CASE("frame: a length over the limit ends the stream at its header") {
  constexpr std::uint32_t limit = 1000;
  struct Case {
    std::uint32_t length;
    bool good;
  };
  for (auto const& [length, good] : {Case{0, true}, Case{1, true}, Case{limit, true}, Case{limit + 1, false},
                                     Case{1U << 31, false}, Case{0xffff'ffff, false}}) {
    CAPTURE(length);
    FrameReader reader(Phase::established, limit);
    auto const stream = frame_bytes(length, 1, bytes_of(std::string(std::min(length, limit), 'x')));
    CHECK(read_all(reader, stream, 16).size() == (good ? 1U : 0U));
    CHECK(reader.failure().empty() == good);
    CHECK(reader.held_bytes() <= limit);
    if (!good) CHECK(reader.failure() == "frame of " + std::to_string(length) + " bytes is over the limit of 1000");
  }
}

TEST_CASE("frame: memory follows the bytes received, not the length claimed") {
  constexpr std::uint32_t claimed = std::uint32_t{256} << 20;
  FrameReader reader(Phase::established, claimed);
  auto const header = frame_header(FrameKind::request, claimed);
  std::span<std::byte const> bytes = header;
  CHECK_FALSE(reader.next(bytes));
  CHECK(reader.held_bytes() == 0);
  Bytes const piece(1000, std::byte{1});
  std::size_t received = 0;
  for (int i = 0; i < 300; ++i) {
    bytes = piece;
    CHECK_FALSE(reader.next(bytes));
    received += piece.size();
    CHECK(reader.held_bytes() <= 2 * received + 4096);
  }
  CHECK(reader.in_frame());
}

TEST_CASE("frame: a reader that had a large frame gives its memory back") {
  FrameReader reader(Phase::established, 1 << 20);
  auto const stream = frame_bytes(FrameKind::request, Bytes(500'000, std::byte{7}));
  CHECK(read_all(reader, stream, 50'000).size() == 1);
  std::span<std::byte const> nothing;
  CHECK_FALSE(reader.next(nothing));
  CHECK(reader.held_bytes() <= 4096);
}

/// Feeds `stream` as a carrier does: what belongs to a large frame goes to where it stays.
Read read_directly(FrameReader& reader, Bytes const& stream, std::size_t step) {
  Read frames;
  std::size_t received = 0;
  for (std::span<std::byte const> left = stream; !left.empty();) {
    auto bytes = left.first(std::min(step, left.size()));
    left = left.subspan(bytes.size());
    received += bytes.size();
    auto const room = reader.room();
    auto const filled = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), filled, room.begin());
    reader.filled(filled);
    bytes = bytes.subspan(filled);
    while (auto const frame = reader.next(bytes)) {
      frames.emplace_back(frame->kind, text_of(frame->payload));
      if (frame->memory == nullptr) continue;
      CHECK(frame->memory->size() == frame->payload.size());
      if (frames.size() % 2 == 0) detail::ByteBuffer const taken_over = std::move(*frame->memory);
    }
    CHECK(bytes.empty());
    CHECK(reader.held_bytes() <= 2 * received + 4096);
  }
  return frames;
}

TEST_CASE("frame: large frames may be received to where they stay") {
  Bytes stream;
  Read expected;
  for (std::size_t const size : {100'000U, 100U, 70'000U, 200'000U, 0U, 200'000U, 16'384U, 1U}) {
    std::string const text(size, static_cast<char>('a' + expected.size()));
    auto const frame = frame_bytes(FrameKind::request, bytes_of(text));
    stream.insert(stream.end(), frame.begin(), frame.end());
    expected.emplace_back(FrameKind::request, text);
  }
  for (std::size_t const step : {7U, 8U, 1000U, 16'000U, 65'536U, 150'000U, 1'000'000U}) {
    CAPTURE(step);
    FrameReader reader(Phase::established, 1 << 20);
    CHECK(read_directly(reader, stream, step) == expected);
    CHECK(reader.failure().empty());
    CHECK_FALSE(reader.in_frame());
    CHECK(reader.room().empty());
  }
}

TEST_CASE("frame: nothing is read after a failure") {
  FrameReader reader(Phase::established, 100);
  auto const bad = frame_bytes(0, 99, {});
  std::span<std::byte const> bytes = bad;
  CHECK_FALSE(reader.next(bytes));
  auto const good = frame_bytes(FrameKind::request, bytes_of("x"));
  bytes = good;
  CHECK_FALSE(reader.next(bytes));
  CHECK(reader.failure() == "unexpected frame: kind 99");
}

}  // namespace net_frame_test
}  // namespace corps::net
