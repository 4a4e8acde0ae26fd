#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/frame.hpp"
#include "env/net/internal/message_part.hpp"

namespace corps::net {

/// Frames that wait to be sent, and those that were and are kept, in order. A carrier reads them where they lie: small ones one
/// behind the other in blocks, so that many of them are one piece.
/// Threads: one at a time, but what was offered may be read meanwhile. Limits: holds at most 64 KiB and a half of bytes() more
/// than these; a queue without frames holds 8 KiB at most.
class FrameQueue {
 public:
  FrameQueue() = default;
  ~FrameQueue();
  FrameQueue(FrameQueue const&) = delete;
  FrameQueue& operator=(FrameQueue const&) = delete;

  /// `frame` begins with room for its header. `number` goes into it. A small frame is copied, and the buffer stays with its
  /// maker for the next one; a large one is taken over, and so is one that ends with a part of a message.
  void push(FrameKind kind, std::uint16_t number, detail::ByteBuffer& frame, MessagePart part = {});

  /// What is to be sent next. `frames`: how many it is, one that was begun counts too.
  std::size_t offer(std::span<Piece> pieces, std::size_t& frames) const noexcept;
  /// Only the rest of the frame that was begun: in_frame(). Two pieces at most.
  std::size_t offer_begun(std::span<Piece> pieces) const noexcept;
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
  /// What is left of fragments goes to a peer that has not got what was before it: it is told not to look at them.
  void void_fragments() noexcept;
  void clear() noexcept;

  std::size_t count() const noexcept { return count_; }
  /// Frames that were sent to their end since the last rewind, and are kept.
  std::size_t sent() const noexcept { return sent_; }
  /// The next frame was sent in part.
  bool in_frame() const noexcept { return partial_ != 0; }
  /// Of all frames that are kept.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Of those that were not sent since the last rewind.
  std::size_t unsent_bytes() const noexcept { return bytes_ - sent_bytes_ - partial_; }

 private:
  /// Whole frames, one behind the other. The last block alone grows, and never past its capacity: it may be read meanwhile.
  struct Block {
    std::size_t size() const noexcept { return bytes.size() + part.size(); }
    detail::ByteBuffer bytes;
    std::size_t frames = 0;
    MessagePart part;  // of the one frame, behind its bytes
  };
  /// Where a frame begins, or will.
  struct Place {
    std::size_t block = 0;
    std::size_t at = 0;
    std::size_t frame = 0;  // how many are before it in the block
  };

  void add_block(std::size_t needed);
  std::size_t offer_block(std::span<Piece> pieces, std::size_t block, std::size_t at, std::size_t to) const noexcept;
  bool at_end(Place const& place) const noexcept;
  Place of_frame(Place const& place) const noexcept;
  template <class Visit>
  void for_each_frame(Visit const& visit);
  void pass(Place& place, std::size_t frames) const noexcept;
  std::size_t whole_frames(Place const& from, std::size_t bytes) const noexcept;
  void drop_first_block() noexcept;
  void drop_sparse_block() noexcept;

  std::deque<Block> blocks_;
  Place first_;  // that is kept
  Place next_;   // that was not sent to its end
  std::size_t count_ = 0;
  std::size_t sent_ = 0;
  std::size_t sent_bytes_ = 0;  // of these
  std::size_t partial_ = 0;     // bytes of the frame after them
  std::size_t bytes_ = 0;
  std::size_t leases_ = 0;    // offers that were not given back
  std::vector<Block> dying_;  // freed when these are
};

}  // namespace corps::net
