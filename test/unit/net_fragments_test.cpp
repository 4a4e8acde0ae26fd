// Messages larger than a fragment: they take turns, keep the order between two Workers, and cost what was sent of them.

#include "env/net/internal/fragments.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "test/unit/net_frame_kit.hpp"

namespace corps::net {
namespace net_fragments_test {

using Bytes = std::vector<std::byte>;

/// Fragments of this size are copied out of their message; of the larger ones, what is sent lies in it.
constexpr FragmentLimits small_limits{.fragment_bytes = 100, .message_bytes_max = 1000, .begun_bytes_max = 2000};

detail::ByteBuffer frame_of(char letter, std::size_t size) {
  auto frame = test::frame_with_room();
  std::fill_n(frame.extend(size), size, std::byte(letter));
  return frame;
}

Bytes fragment(std::uint32_t number, unsigned flags, std::size_t size, std::uint8_t kind = 1) {
  Bytes payload(fragment_head_bytes + size, std::byte{'x'});
  put_number(payload.data(), number);
  payload[4] = std::byte{kind};
  payload[5] = static_cast<std::byte>(flags);
  put_number(payload.data() + 6, std::uint16_t{0});
  return payload;
}

/// What the carrier gets of it, without the header.
Bytes payload_of(LargeMessages::Next const& next) {
  auto const begin = next.frame.view().subspan(header_bytes);
  Bytes payload(begin.begin(), begin.end());
  payload.insert(payload.end(), next.part.bytes().begin(), next.part.bytes().end());
  return payload;
}

/// "a100" is a fragment of the message of letter a, "b!" a whole frame.
std::string next_text(LargeMessages& messages) {
  auto const next = messages.next();
  auto const payload = payload_of(next);
  if (next.kind != FrameKind::fragment) return std::string(1, static_cast<char>(payload[0])) + "!";
  return std::string(1, static_cast<char>(payload[fragment_head_bytes])) + std::to_string(payload.size() - fragment_head_bytes);
}

std::uint64_t add(LargeMessages& messages, WorkerPair pair, char letter, std::size_t size) {
  auto frame = frame_of(letter, size);
  return messages.add(pair, FrameKind::request, frame);
}

TEST_CASE("fragments: large messages take turns, and what is between the same two Workers waits behind") {
  LargeMessages messages(small_limits);
  CHECK_FALSE(messages.takes({1, 2}, header_bytes + 100));
  CHECK(messages.takes({1, 2}, header_bytes + 101));
  auto const a = add(messages, {1, 2}, 'a', 250);
  CHECK(messages.takes({1, 2}, header_bytes + 1));
  CHECK_FALSE(messages.takes({2, 1}, header_bytes + 1));
  auto const b = add(messages, {1, 2}, 'b', 10);
  add(messages, {3, 4}, 'c', 300);
  CHECK(messages.bytes() == 3 * header_bytes + 560);
  CHECK(messages.small_bytes() == header_bytes + 10);
  std::string all;
  for (int i = 0; i < 5; ++i) all += next_text(messages) + " ";
  CHECK(all == "a100 c100 a100 c100 a50 ");
  CHECK_FALSE(messages.holds(a));
  CHECK(messages.holds(b));
  CHECK(messages.takes({1, 2}, header_bytes + 1));
  all.clear();
  while (!messages.empty()) all += next_text(messages) + " ";
  CHECK(all == "b! c100 ");
  CHECK(messages.bytes() == 0);
}

TEST_CASE("fragments: no more is begun than the other side may hold; what was begun can be given up") {
  LargeMessages messages(small_limits);
  std::vector<std::uint64_t> tickets;
  for (std::uint64_t i = 0; i < 3; ++i) tickets.push_back(add(messages, {i, 0}, static_cast<char>('a' + i), 900));
  CHECK(next_text(messages) == "a100");
  CHECK(next_text(messages) == "b100");
  CHECK(next_text(messages) == "a100");
  messages.drop_begun();
  CHECK_FALSE(messages.holds(tickets[0]));
  CHECK_FALSE(messages.holds(tickets[1]));
  CHECK(messages.holds(tickets[2]));
  CHECK(messages.bytes() == header_bytes + 900);
  CHECK(next_text(messages) == "c100");
  messages.clear();
  CHECK(messages.empty());
  CHECK(messages.bytes() == 0);
}

TEST_CASE("fragments: what is sent arrives whole, and in order between two Workers") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    LargeMessages messages(small_limits);
    Reassembly reassembly(small_limits);
    std::map<std::uint64_t, std::vector<std::uint32_t>> sent, got;
    auto const take = [&](std::span<std::byte const> payload) {
      got[get_number<std::uint32_t>(payload.data() + 4)].push_back(get_number<std::uint32_t>(payload.data()));
      CHECK(std::ranges::all_of(payload.subspan(8), [](auto byte) { return byte == std::byte{'x'}; }));
    };
    for (std::uint32_t i = 0; i < 200 || !messages.empty(); ++i) {
      if (i < 200) {
        WorkerPair const pair{random() % 30, 0};
        auto frame = frame_of('x', random() % 2 == 0 ? 8 + random() % 50 : 8 + random() % 900);
        put_number(frame.data() + header_bytes, i);
        put_number(frame.data() + header_bytes + 4, static_cast<std::uint32_t>(pair.from));
        sent[pair.from].push_back(i);
        if (messages.takes(pair, frame.size())) {
          messages.add(pair, FrameKind::request, frame);
        } else {
          REQUIRE(reassembly.pass(frame.size()));
          take(frame.view().subspan(header_bytes));
        }
      }
      for (auto left = random() % 4; left != 0 && !messages.empty(); --left) {
        auto const next = messages.next();
        auto const payload = payload_of(next);
        if (next.kind != FrameKind::fragment) {
          take(payload);
        } else if (auto const whole = reassembly.take(payload)) {
          CHECK(whole->kind == FrameKind::request);
          detail::ByteBuffer memory;
          take(in_one_piece(whole->message.payload(), memory));
        }
        REQUIRE(reassembly.why().empty());
      }
      REQUIRE(reassembly.held_bytes() <= small_limits.begun_bytes_max);
    }
    CHECK(got == sent);
    CHECK(reassembly.empty());
  }
}

TEST_CASE("fragments: what is sent of a large message lies where it was packed, as long as anybody reads it") {
  constexpr std::size_t fragment_bytes = 5000;
  LargeMessages messages({.fragment_bytes = fragment_bytes, .message_bytes_max = 100'000, .begun_bytes_max = 100'000});
  auto frame = frame_of('a', 2 * fragment_bytes + 10);
  auto const* const packed = frame.data() + header_bytes;
  messages.add({1, 2}, FrameKind::request, frame);
  auto const first = messages.next();
  auto const second = messages.next();
  auto const third = messages.next();
  CHECK(messages.empty());
  CHECK(first.part.bytes().data() == packed);
  CHECK(first.part.size() == fragment_bytes);
  CHECK(second.part.bytes().data() == packed + fragment_bytes);
  CHECK(second.part.size() == fragment_bytes);
  CHECK(third.part.empty());
  for (auto const* const next : {&first, &second, &third}) {
    auto const payload = payload_of(*next);
    CHECK(std::ranges::all_of(std::span(payload).subspan(fragment_head_bytes), [](auto byte) { return byte == std::byte{'a'}; }));
  }
}

/// Says when it is gone.
struct Watched final : detail::Keeper {
  explicit Watched(bool& gone) : is_gone(gone) {}
  ~Watched() override { is_gone = true; }
  bool& is_gone;
};

TEST_CASE("fragments: what was given is sent from where it lies, between what was packed, and kept until that has ended") {
  constexpr std::size_t fragment_bytes = 2000;
  LargeMessages messages({.fragment_bytes = fragment_bytes, .message_bytes_max = 100'000, .begun_bytes_max = 100'000});
  Bytes const value(2 * fragment_bytes + 5, std::byte{'v'});
  Bytes const behind(1, std::byte{'w'});
  bool gone = false;
  auto frame = frame_of('a', 30);
  detail::AllGiven given;
  given.push_back({header_bytes + 10, value, std::make_unique<Watched>(gone)});
  given.push_back({header_bytes + 10, behind, nullptr});
  Bytes expected(10, std::byte{'a'});
  expected.insert(expected.end(), value.begin(), value.end());
  expected.insert(expected.end(), behind.begin(), behind.end());
  expected.insert(expected.end(), 20, std::byte{'a'});
  messages.add({1, 2}, FrameKind::request, frame, std::move(given));
  CHECK(messages.bytes() == header_bytes + expected.size());

  Reassembly reassembly({.fragment_bytes = fragment_bytes, .message_bytes_max = 100'000, .begun_bytes_max = 100'000});
  std::optional<Reassembly::Whole> whole;
  std::vector<LargeMessages::Next> sent;
  while (!messages.empty()) {
    sent.push_back(messages.next());
    whole = reassembly.take(payload_of(sent.back()));
  }
  CHECK(messages.bytes() == 0);
  CHECK(sent[1].part.bytes().data() == value.data());
  CHECK(sent[2].part.bytes().data() == value.data() + fragment_bytes);
  REQUIRE(whole.has_value());
  detail::ByteBuffer memory;
  auto const got = in_one_piece(whole->message.payload(), memory);
  CHECK(std::ranges::equal(got, expected));
  sent.erase(sent.begin(), sent.begin() + 2);
  CHECK_FALSE(gone);
  sent.clear();
  CHECK(gone);
}

TEST_CASE("fragments: large ones stay where they were received, small ones are copied together") {
  Reassembly reassembly({.fragment_bytes = 100'000, .message_bytes_max = 1'000'000, .begun_bytes_max = 1'000'000});
  std::vector<std::byte const*> where;
  std::optional<Reassembly::Whole> whole;
  std::size_t const sizes[] = {100'000, 10, 20, 90'000, 5};
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    auto const payload = fragment(1, (i == 0 ? fragment_first : 0U) | (i + 1 == std::size(sizes) ? fragment_last : 0U), sizes[i]);
    detail::ByteBuffer memory;
    memory.append(payload.data(), payload.size());
    where.push_back(memory.data() + fragment_head_bytes);
    whole = reassembly.take(memory.view(), &memory);
    CHECK(memory.empty() == (sizes[i] >= 90'000));
  }
  REQUIRE(whole.has_value());
  CHECK(whole->message.size() == 190'035);
  auto const payload = whole->message.payload();
  auto const pieces = payload.pieces();
  REQUIRE(pieces.size() == 4);
  CHECK(pieces[0].data() == where[0]);
  CHECK(pieces[1].size() == 30);
  CHECK(pieces[2].data() == where[3]);
  CHECK(pieces[3].size() == 5);
  detail::ByteBuffer memory;
  CHECK(std::ranges::all_of(in_one_piece(payload, memory), [](auto byte) { return byte == std::byte{'x'}; }));
  CHECK(memory.size() == 190'035);
}

TEST_CASE("fragments: what no Env sends is refused, and its memory is given back") {
  struct Case {
    std::vector<Bytes> payloads;
    std::string why;
  };
  std::vector<Bytes> too_many;
  for (std::uint32_t i = 0; i <= partial_messages_max; ++i) too_many.push_back(fragment(i, fragment_first, 1));
  std::vector<Bytes> too_long{fragment(1, fragment_first, 100)};
  for (int i = 0; i < 10; ++i) too_long.push_back(fragment(1, 0, 100));
  std::vector<Bytes> too_large;
  for (std::uint32_t i = 0; i < 3; ++i)
    for (int part = 0; part < 9; ++part) too_large.push_back(fragment(i, part == 0 ? fragment_first : 0U, 100));
  std::vector<Bytes> never_ended{fragment(1, fragment_first, 100)};
  for (std::uint32_t i = 2; i < 200; ++i) never_ended.push_back(fragment(i, fragment_first | fragment_last, 100));
  auto reserved = fragment(1, fragment_first, 10);
  reserved[7] = std::byte{1};
  Case const cases[] = {
      {{Bytes{}}, "an empty fragment"},
      {{Bytes(fragment_head_bytes)}, "an empty fragment"},
      {{fragment(1, fragment_first, 10, 0)}, "a fragment of the wrong form"},
      {{fragment(1, fragment_first, 10, 5)}, "a fragment of the wrong form"},
      {{fragment(1, fragment_first, 10, 8)}, "a fragment of the wrong form"},
      {{fragment(1, 8 | fragment_first, 10)}, "a fragment of the wrong form"},
      {{reserved}, "a fragment of the wrong form"},
      {{fragment(7, 0, 10)}, "a fragment of message 7, which has not begun"},
      {{fragment(7, fragment_last, 10)}, "a fragment of message 7, which has not begun"},
      {{fragment(7, fragment_first, 10), fragment(7, fragment_first, 10)}, "message 7 begins a second time"},
      {{fragment(7, fragment_first, 10), fragment(7, 0, 10, 2)}, "message 7 changes its kind"},
      {{fragment(7, fragment_first, 10), fragment(7, fragment_last, 10), fragment(7, 0, 10)},
       "a fragment of message 7, which has not begun"},
      {too_many, "more than 16 messages are sent in fragments at a time"},
      {too_long, "message 1 is over the limit of 1000 bytes"},
      {too_large, "the messages that are sent in fragments are over the limit of 2000 bytes"},
      {never_ended, "message 1 is not gone on with: 12852 bytes came since its last fragment"},
  };
  for (auto const& [payloads, why] : cases) {
    CAPTURE(why);
    Reassembly reassembly(small_limits);
    std::size_t received = 0;
    for (auto const& payload : payloads) {
      reassembly.take(payload);
      received += payload.size();
      CHECK(reassembly.held_bytes() <= received);
      if (!reassembly.why().empty()) break;
    }
    CHECK(reassembly.why() == why);
    CHECK(reassembly.held_bytes() == 0);
  }
  Reassembly given_up(small_limits);
  CHECK_FALSE(given_up.take(fragment(7, fragment_void, 10)));
  CHECK(given_up.why().empty());
}

}  // namespace net_fragments_test
}  // namespace corps::net
