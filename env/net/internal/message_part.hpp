#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "env/net/internal/carrier.hpp"
#include "env/net/internal/packed_message.hpp"

namespace corps::net {

/// Some bytes of a message that is sent in several frames, which all read them where they lie. The memory lives as long
/// as one of its parts; of a large message, the pages go with the parts, which end in the order in which they lie.
class MessagePart {
 public:
  MessagePart() = default;
  /// From `at` on, `bytes_max` bytes or as many as lie together.
  MessagePart(std::shared_ptr<PackedMessage const> message, std::size_t at, std::size_t bytes_max) noexcept;
  MessagePart(MessagePart&& other) noexcept
      : message_(std::move(other.message_)),
        together_(std::exchange(other.together_, {})),
        bytes_(std::exchange(other.bytes_, {})) {}
  MessagePart& operator=(MessagePart&& other) noexcept {
    std::swap(message_, other.message_);
    std::swap(together_, other.together_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MessagePart() {
    if (message_ != nullptr) give_back();
  }

  Piece bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }

 private:
  void give_back() noexcept;

  std::shared_ptr<PackedMessage const> message_;
  Piece together_;
  Piece bytes_;
};

}  // namespace corps::net
