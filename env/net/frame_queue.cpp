#include "env/net/internal/frame_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "env/net/internal/block_pool.hpp"

namespace corps::net {

namespace {

constexpr std::size_t packed_bytes_max = std::size_t{8} << 10;  // of a frame; larger ones are not copied
constexpr std::size_t first_block_bytes = std::size_t{1} << 10;
constexpr std::size_t next_block_bytes = std::size_t{8} << 10;

void free_block(detail::ByteBuffer block) noexcept {
  if (block.capacity() == BlockPool::block_bytes) BlockPool::of_process().give_back(std::move(block));
}

}  // namespace

FrameQueue::~FrameQueue() { clear(); }

// --- what is put in ------------------------------------------------------------------------------------------------

void FrameQueue::push(FrameKind kind, std::uint16_t number, detail::ByteBuffer& frame, MessagePart part) {
  auto const size = frame.size() + part.size();
  auto const header = frame_header(kind, size - header_bytes, number);
  std::ranges::copy(header, frame.data());
  if (size > packed_bytes_max || !part.empty()) {
    blocks_.push_back({std::move(frame), 0, std::move(part)});
  } else {
    if (blocks_.empty() || !blocks_.back().part.empty() || blocks_.back().bytes.capacity() - blocks_.back().bytes.size() < size)
      add_block(size);
    blocks_.back().bytes.append(frame.data(), size);
  }
  ++blocks_.back().frames;
  ++count_;
  bytes_ += size;
}

// The more there is, the larger the next block: idle links stay small.
void FrameQueue::add_block(std::size_t needed) {
  Block block;
  if (bytes_ > next_block_bytes) {
    block.bytes = BlockPool::of_process().take();
  } else {
    block.bytes.reserve(std::max(needed, bytes_ == 0 ? first_block_bytes : next_block_bytes));
  }
  blocks_.push_back(std::move(block));
}

// --- where a frame is ----------------------------------------------------------------------------------------------

std::size_t FrameQueue::frame_size(Place const& place) const noexcept {
  return header_bytes + get_number<std::uint32_t>(blocks_[place.block].bytes.data() + place.at);
}

bool FrameQueue::at_end(Place const& place) const noexcept {
  return place.block < blocks_.size() && place.at == blocks_[place.block].size();
}

/// The same, where a frame is: the end of a block is the beginning of the next.
FrameQueue::Place FrameQueue::of_frame(Place const& place) const noexcept {
  return at_end(place) ? Place{place.block + 1, 0, 0} : place;
}

template <class Visit>
void FrameQueue::for_each_frame(Visit const& visit) {
  auto place = of_frame(first_);
  for (auto left = count_; left != 0; --left, pass(place)) visit(blocks_[place.block].bytes.data() + place.at);
}

/// To the frame after it, or to where that one will be.
void FrameQueue::pass(Place& place) const noexcept {
  place.at += frame_size(place);
  ++place.frame;
  if (at_end(place) && place.block + 1 < blocks_.size()) place = {place.block + 1, 0, 0};
}

// --- what is sent --------------------------------------------------------------------------------------------------

/// Of a block, what is from `at` to `to`.
std::size_t FrameQueue::offer_block(std::span<Piece> pieces, std::size_t block, std::size_t at, std::size_t to) const noexcept {
  auto const bytes = blocks_[block].bytes.view();
  std::size_t count = 0;
  if (at < bytes.size()) pieces[count++] = bytes.subspan(at, std::min(to, bytes.size()) - at);
  if (to > bytes.size() && count < pieces.size()) {
    auto const begin = std::max(at, bytes.size());
    pieces[count++] = blocks_[block].part.bytes().subspan(begin - bytes.size(), to - begin);
  }
  return count;
}

std::size_t FrameQueue::offer(std::span<Piece> pieces, std::size_t& frames) const noexcept {
  auto from = of_frame(next_);
  std::size_t count = 0;
  frames = 0;
  for (auto at = from.at + partial_; from.block < blocks_.size() && count < pieces.size();
       from = {from.block + 1, 0, 0}, at = 0) {
    auto const& block = blocks_[from.block];
    count += offer_block(pieces.subspan(count), from.block, at, block.size());
    frames += block.frames - from.frame;
  }
  return count;
}

std::size_t FrameQueue::offer_begun(std::span<Piece> pieces) const noexcept {
  return offer_block(pieces, next_.block, next_.at + partial_, next_.at + frame_size(next_));
}

void FrameQueue::taken(std::size_t bytes) noexcept {
  for (partial_ += bytes; partial_ != 0; ++sent_) {
    next_ = of_frame(next_);
    auto const size = frame_size(next_);
    if (partial_ < size) return;
    partial_ -= size;
    sent_bytes_ += size;
    pass(next_);
  }
}

void FrameQueue::give_back() noexcept {
  if (--leases_ != 0) return;
  for (auto& block : dying_) free_block(std::move(block.bytes));
  dying_.clear();
  drop_sparse_block();
}

void FrameQueue::rewind() noexcept {
  next_ = first_;
  sent_ = sent_bytes_ = partial_ = 0;
}

// --- what is freed -------------------------------------------------------------------------------------------------

void FrameQueue::release(std::size_t count) noexcept {
  for (; count != 0; --count) {
    if (at_end(first_)) drop_first_block();
    auto const size = frame_size(first_);
    bool const was_sent = sent_ != 0;
    bytes_ -= size;
    --count_;
    pass(first_);
    if (was_sent) {
      --sent_;
      sent_bytes_ -= size;
    } else {
      partial_ = 0;
      next_ = first_;
    }
    while (first_.block != 0) drop_first_block();
  }
  drop_sparse_block();
}

void FrameQueue::drop_first_block() noexcept {
  auto const drop = [](Place& place) {
    if (place.block == 0) {
      place = {};
    } else {
      --place.block;
    }
  };
  drop(first_);
  drop(next_);
  if (leases_ != 0) {
    dying_.push_back(std::move(blocks_.front()));
  } else {
    free_block(std::move(blocks_.front().bytes));
  }
  blocks_.pop_front();
}

/// The last block has no frame any more: a small one is filled again from its beginning.
void FrameQueue::drop_sparse_block() noexcept {
  if (count_ != 0 || leases_ != 0 || blocks_.empty()) return;
  auto& last = blocks_.back();
  if (last.bytes.capacity() > next_block_bytes || !last.part.empty()) return drop_first_block();
  last.bytes.clear();
  last.frames = 0;
  first_ = next_ = {};
}

void FrameQueue::number_from(std::uint16_t number) noexcept {
  for_each_frame([&](std::byte* frame) { put_number(frame + number_at, number++); });
}

void FrameQueue::void_fragments() noexcept {
  for_each_frame([](std::byte* frame) {
    if (static_cast<FrameKind>(frame[4]) == FrameKind::fragment) frame[header_bytes + 5] |= std::byte{fragment_void};
  });
}

void FrameQueue::clear() noexcept {
  first_ = {};
  while (!blocks_.empty()) drop_first_block();
  count_ = bytes_ = 0;
  rewind();
}

}  // namespace corps::net
