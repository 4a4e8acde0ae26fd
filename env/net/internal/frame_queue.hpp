#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/frame.hpp"

namespace corps::net {

/// A frame to send: room for its header, and then what its maker packs. FrameQueue::push fills the header in.
inline detail::ByteBuffer frame_with_room() {
  detail::ByteBuffer frame;
  frame.extend(header_bytes);
  return frame;
}

/// Frames that wait to be sent, and those that were and are kept, in order. A carrier reads them where they lie.
/// Threads: one at a time, but what was offered may be read meanwhile.
class FrameQueue {
 public:
  /// `frame` begins with room for its header. `number` goes into it.
  void push(FrameKind kind, std::uint16_t number, detail::ByteBuffer frame);

  /// What is to be sent next.
  std::size_t offer(std::span<Piece> pieces) const noexcept;
  /// Somebody reads what was offered: until give_back(), none of it is freed.
  void hold() noexcept { ++leases_; }
  void give_back() noexcept;
  /// The next `bytes` have been sent, which were offered.
  void taken(std::size_t bytes) noexcept;

  /// Frees the first `count` frames.
  void release(std::size_t count) noexcept;
  /// Frees all that were sent to their end, without keeping them.
  void release_sent() noexcept { release(sent_); }
  /// All that is kept is to be sent once more, from its beginning.
  void rewind() noexcept;
  /// Frames, of which none was ever offered, get other numbers: the first this one.
  void number_from(std::uint16_t number) noexcept;
  void clear() noexcept;

  std::size_t count() const noexcept { return frames_.size(); }
  /// Frames that were sent to their end since the last rewind, and are kept.
  std::size_t sent() const noexcept { return sent_; }
  /// The next frame was sent in part.
  bool in_frame() const noexcept { return partial_ != 0; }
  /// Of all frames that are kept.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Of those that were not sent since the last rewind.
  std::size_t unsent_bytes() const noexcept { return bytes_ - sent_bytes_ - partial_; }

 private:
  std::deque<detail::ByteBuffer> frames_;
  std::size_t sent_ = 0;
  std::size_t sent_bytes_ = 0;  // of these
  std::size_t partial_ = 0;     // bytes of the frame after them
  std::size_t bytes_ = 0;
  std::size_t leases_ = 0;                 // offers that were not given back
  std::vector<detail::ByteBuffer> dying_;  // freed when these are
};

}  // namespace corps::net
