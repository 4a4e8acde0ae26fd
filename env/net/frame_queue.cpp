#include "env/net/internal/frame_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "env/net/internal/block_pool.hpp"

namespace corps::net {

namespace {

constexpr auto packed_bytes_max = BlockPool::small_block_bytes;  // of a frame; larger ones are not copied
constexpr std::size_t first_block_bytes = 1000;  // together with what malloc notes, less than 1 KiB: see BlockPool

std::size_t frame_size(std::byte const* frame) noexcept { return header_bytes + get_number<std::uint32_t>(frame); }

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
  if (bytes_ > BlockPool::small_block_bytes)
    block.bytes = BlockPool::of_large().take();
  else if (bytes_ != 0 || needed > first_block_bytes)
    block.bytes = BlockPool::of_small().take();
  else
    block.bytes.reserve(first_block_bytes);
  blocks_.push_back(std::move(block));
}

// --- where a frame is ----------------------------------------------------------------------------------------------

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
  for (auto left = count_; left != 0; --left, place = of_frame(place)) {
    visit(blocks_[place.block].bytes.data() + place.at);
    pass(place, 1);
  }
}

/// Of a block, the end of so many frames.
void FrameQueue::pass(Place& place, std::size_t frames) const noexcept {
  auto const& block = blocks_[place.block];
  place.frame += frames;
  if (place.frame == block.frames) {
    place.at = block.size();
    return;
  }
  auto const* const begin = block.bytes.data();
  for (; frames != 0; --frames) place.at += frame_size(begin + place.at);
}

/// How many frames of a block lie in so many bytes.
std::size_t FrameQueue::whole_frames(Place const& from, std::size_t bytes) const noexcept {
  auto const* at = blocks_[from.block].bytes.data() + from.at;
  std::size_t frames = 0;
  for (auto size = frame_size(at); size <= bytes; size = frame_size(at)) {
    bytes -= size;
    at += size;
    ++frames;
  }
  return frames;
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
  auto const* const frame = blocks_[next_.block].bytes.data() + next_.at;
  return offer_block(pieces, next_.block, next_.at + partial_, next_.at + frame_size(frame));
}

void FrameQueue::taken(std::size_t bytes) noexcept {
  for (partial_ += bytes; partial_ != 0;) {
    next_ = of_frame(next_);
    auto const& block = blocks_[next_.block];
    auto frames = block.frames - next_.frame;
    if (partial_ < block.size() - next_.at) frames = whole_frames(next_, partial_);
    if (frames == 0) return;
    auto const at = next_.at;
    pass(next_, frames);
    sent_ += frames;
    sent_bytes_ += next_.at - at;
    partial_ -= next_.at - at;
  }
}

void FrameQueue::give_back() noexcept {
  if (--leases_ != 0) return;
  for (auto& block : dying_) BlockPool::give_back(std::move(block.bytes));
  dying_.clear();
  drop_sparse_block();
}

void FrameQueue::rewind() noexcept {
  next_ = first_;
  sent_ = sent_bytes_ = partial_ = 0;
}

// --- what is freed -------------------------------------------------------------------------------------------------

void FrameQueue::release(std::size_t count) noexcept {
  while (count != 0) {
    if (at_end(first_)) drop_first_block();
    auto const frames = std::min(count, blocks_.front().frames - first_.frame);
    auto const at = first_.at;
    pass(first_, frames);
    auto const size = first_.at - at;
    count -= frames;
    count_ -= frames;
    bytes_ -= size;
    if (frames <= sent_) {
      sent_ -= frames;
      sent_bytes_ -= size;
    } else {
      sent_ = sent_bytes_ = partial_ = 0;
      next_ = first_;
    }
    if (at_end(first_) && blocks_.size() > 1) drop_first_block();
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
    BlockPool::give_back(std::move(blocks_.front().bytes));
  }
  blocks_.pop_front();
}

/// The last block has no frame any more: a small one is filled again from its beginning.
void FrameQueue::drop_sparse_block() noexcept {
  if (count_ != 0 || leases_ != 0 || blocks_.empty()) return;
  auto& last = blocks_.back();
  if (last.bytes.capacity() > BlockPool::small_block_bytes || !last.part.empty()) return drop_first_block();
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
