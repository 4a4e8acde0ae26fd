#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/wire.hpp"

namespace corps::net {

struct Frame {
  FrameKind kind;
  std::uint16_t number;  // the low bits of its number in a session; 0 for a kind that has none
  std::span<std::byte const> payload;
  detail::ByteBuffer* memory = nullptr;  // the payload is all that is in it, and whoever wants to keep it may take it over
};

/// Whether a frame of this kind may be received in this phase.
bool is_legal(Phase phase, std::uint8_t kind) noexcept;

/// Whether frames of this kind are numbered.
bool has_number(std::uint8_t kind) noexcept;

/// "hello", "request"; "kind 99" for what is none.
std::string kind_text(std::uint8_t kind);

/// The 8 bytes before a payload. `payload_size` must fit into 32 bits.
inline std::array<std::byte, header_bytes> frame_header(FrameKind kind, std::size_t payload_size,
                                                        std::uint16_t number = 0) noexcept {
  std::array<std::byte, header_bytes> header{};
  put_number(header.data(), static_cast<std::uint32_t>(payload_size));
  header[4] = static_cast<std::byte>(kind);
  put_number(header.data() + number_at, number);
  return header;
}

/// Cuts a stream of bytes into frames. Knows no sockets.
/// Threads: one at a time. Limits: holds at most 2 × the bytes received of one unfinished frame, or of one before it, + 4 KiB,
/// whatever a header claims.
class FrameReader {
 public:
  FrameReader(Phase phase, std::uint32_t payload_bytes_max) noexcept : phase_(phase), payload_bytes_max_(payload_bytes_max) {}

  void set_phase(Phase phase) noexcept { phase_ = phase; }

  /// The next whole frame, or nothing: then all of `bytes` was taken, or failure() says why the stream is not worth reading on.
  /// `bytes` is moved past what was taken. The payload is valid until `bytes` or the reader change.
  std::optional<Frame> next(std::span<std::byte const>& bytes);

  /// Where the next bytes of the stream may be put, if they belong to a large frame that is unfinished; else nothing. Then say
  /// how many, and call next().
  std::span<std::byte> room();
  void filled(std::size_t count) noexcept;

  /// Why the stream must be closed; empty as long as it is good.
  std::string_view failure() const noexcept { return failure_; }
  /// Bytes of an unfinished frame are held.
  bool in_frame() const noexcept { return partial_size_ != 0; }
  std::size_t held_bytes() const noexcept { return partial_.capacity(); }

 private:
  std::optional<std::size_t> frame_size(std::byte const* header);
  void keep(std::span<std::byte const>& bytes, std::size_t count);
  std::size_t claimed() const noexcept { return get_number<std::uint32_t>(header_.data()); }
  void grow(std::size_t capacity);

  Phase phase_;
  std::uint32_t payload_bytes_max_;
  std::array<std::byte, header_bytes> header_{};  // of an unfinished frame
  std::size_t partial_size_ = 0;                  // its bytes received so far, with the header
  detail::ByteBuffer partial_;                    // its payload so far
  std::size_t before_ = 0;                        // bytes of the largest payload that partial_ had
  std::string failure_;
};

}  // namespace corps::net
