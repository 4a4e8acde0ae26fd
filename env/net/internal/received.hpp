#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/carrier.hpp"

namespace corps::net {

/// The payload of a message where it lies: in one piece, or in several, one behind the other. The bytes must outlive it.
class Payload {
 public:
  Payload(Piece whole) noexcept : whole_(whole) {}
  Payload(std::span<Piece const> pieces) noexcept : pieces_(pieces) {}

  std::span<Piece const> pieces() const noexcept { return pieces_.empty() ? std::span(&whole_, 1) : pieces_; }

 private:
  Piece whole_;
  std::span<Piece const> pieces_;
};

/// The same in one piece, which is made in `memory` if there are several.
Piece in_one_piece(Payload const& payload, detail::ByteBuffer& memory);

/// What came of a message that is sent in fragments. Large fragments stay where they were received, others are copied one behind
/// the other: it holds no more than twice its size, and a little for each large one.
class ReceivedMessage {
 public:
  ReceivedMessage() = default;
  /// Copies it.
  explicit ReceivedMessage(Payload const& payload) {
    for (auto const piece : payload.pieces()) add(piece, nullptr);
  }

  /// The next bytes. `memory`: what they lie in at the end of, if that may be taken over.
  void add(Piece bytes, detail::ByteBuffer* memory);
  std::size_t size() const noexcept { return size_; }
  Payload payload() const noexcept { return pieces_.empty() ? Payload(Piece{}) : Payload(std::span(pieces_)); }

 private:
  std::vector<detail::ByteBuffer> memory_;
  std::vector<Piece> pieces_;  // one of each
  std::size_t size_ = 0;
  bool grows_ = false;  // the last of them was not taken over
};

}  // namespace corps::net
