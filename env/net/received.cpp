#include "env/net/internal/received.hpp"

#include <utility>

namespace corps::net {

namespace {

constexpr std::size_t taken_over_bytes_min = std::size_t{16} << 10;

}  // namespace

Piece in_one_piece(Payload const& payload, detail::ByteBuffer& memory) {
  auto const pieces = payload.pieces();
  if (pieces.size() == 1) return pieces.front();
  for (auto const piece : pieces) memory.append(piece.data(), piece.size());
  return memory;
}

void ReceivedMessage::add(Piece bytes, detail::ByteBuffer* memory) {
  size_ += bytes.size();
  if (memory != nullptr && bytes.size() >= taken_over_bytes_min && memory->capacity() <= 2 * bytes.size()) {
    memory_.push_back(std::move(*memory));
    pieces_.push_back(bytes);
    grows_ = false;
    return;
  }
  if (!grows_) {
    memory_.emplace_back();
    pieces_.emplace_back();
    grows_ = true;
  }
  memory_.back().append(bytes.data(), bytes.size());
  pieces_.back() = memory_.back().view();
}

}  // namespace corps::net
