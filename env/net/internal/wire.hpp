#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

// The numbers of docs/internals/wire.md. They travel between processes and never change their meaning.
namespace corps::net {

enum class FrameKind : std::uint8_t {
  request = 1,
  answer = 2,
  error = 3,
  control = 4,  // orders and tables of the runtime
  goodbye = 5,  // written and read by the carrier itself
  resume = 6,   // written and read by the session, as the next one
  acknowledge = 7,
  fragment = 8,  // of a message of the kinds 1 to 4
  cancel = 9,    // a call is given up
  probe = 15,    // looks for a circle of calls
  hello = 16,
  challenge = 17,
  proof = 18,
  accept = 19,
  refuse = 20,
};

/// What a receiver is waiting for; decides which kinds of frame are legal.
enum class Phase : std::uint8_t {
  server_awaits_hello,
  server_awaits_proof,
  client_awaits_challenge,
  client_awaits_accept,
  established
};

enum class RefuseCode : std::uint16_t { version = 1, refused = 2, duplicate = 3 };

inline constexpr std::array<std::byte, 8> magic{std::byte{0x89}, std::byte{'C'}, std::byte{'O'},  std::byte{'R'},
                                                std::byte{'P'},  std::byte{'S'}, std::byte{'\r'}, std::byte{'\n'}};

inline constexpr std::uint16_t version_min = 9;
inline constexpr std::uint16_t version_max = 9;

inline constexpr std::size_t header_bytes = 8;
inline constexpr std::size_t number_at = 6;  // in a header
inline constexpr std::size_t corps_id_bytes = 16;
inline constexpr std::size_t secret_bytes = 32;
inline constexpr std::size_t nonce_bytes = 32;
inline constexpr std::size_t proof_bytes = 32;
inline constexpr std::size_t hello_bytes = 2 + 2 + corps_id_bytes + 4 + 4 + nonce_bytes;
inline constexpr std::size_t challenge_bytes = hello_bytes;
inline constexpr std::size_t refuse_bytes = 8 + proof_bytes;
inline constexpr std::size_t resume_bytes = 4 * 8;
inline constexpr std::size_t acknowledge_bytes = 2 * 8;
inline constexpr std::size_t fragment_head_bytes = 8;

// Flags of a fragment.
inline constexpr unsigned fragment_first = 1;
inline constexpr unsigned fragment_last = 2;
inline constexpr unsigned fragment_void = 4;  // of a message that was given up: not looked at

inline constexpr std::size_t partial_messages_max = 16;  // sent in fragments at a time, in one direction
/// Fragments' worth of bytes between two of one message. A sender lets at most 16 others have their turn, each of which may be
/// a fragment and nearly one more, with as much again of other frames in between.
inline constexpr std::size_t fragment_gap_max = 2 * 4 * partial_messages_max;

inline constexpr std::uint32_t unproved_payload_bytes_max = 4096;
inline constexpr std::size_t goodbye_bytes_max = 256;
inline constexpr std::size_t unproved_connections_max = 64;
inline constexpr std::chrono::milliseconds unproved_gives_way_after{100};
inline constexpr std::chrono::milliseconds accept_pause{100};
inline constexpr std::uint32_t log_lines_per_second_max = 10;
inline constexpr std::size_t frames_at_once_max = 32;  // that are handed up together
inline constexpr std::size_t read_buffer_bytes = std::size_t{64} << 10;

static_assert(hello_bytes == 60 && refuse_bytes == 40);
static_assert(hello_bytes <= unproved_payload_bytes_max && refuse_bytes <= unproved_payload_bytes_max);
static_assert(magic.size() + 2 * header_bytes + hello_bytes + proof_bytes < unproved_payload_bytes_max,
              "what a client may send before it is accepted fits into one frame of the handshake");

static_assert(std::endian::native == std::endian::little, "numbers travel as they lie in memory");

template <class T>
void put_number(std::byte* to, T value) noexcept {
  std::memcpy(to, &value, sizeof(value));
}

template <class T>
T get_number(std::byte const* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

}  // namespace corps::net
