#include "env/net/internal/frame_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace corps::net {

void FrameQueue::push(FrameKind kind, std::uint16_t number, detail::ByteBuffer frame) {
  auto const header = frame_header(kind, frame.size() - header_bytes, number);
  std::ranges::copy(header, frame.data());
  bytes_ += frame.size();
  frames_.push_back(std::move(frame));
}

std::size_t FrameQueue::offer(std::span<Piece> pieces) const noexcept {
  auto const count = std::min(pieces.size(), frames_.size() - sent_);
  for (std::size_t i = 0; i < count; ++i) pieces[i] = frames_[sent_ + i].view();
  if (count != 0) pieces[0] = pieces[0].subspan(partial_);
  return count;
}

void FrameQueue::taken(std::size_t bytes) noexcept {
  for (partial_ += bytes; sent_ < frames_.size() && partial_ >= frames_[sent_].size(); ++sent_) {
    partial_ -= frames_[sent_].size();
    sent_bytes_ += frames_[sent_].size();
  }
}

void FrameQueue::give_back() noexcept {
  if (--leases_ == 0) dying_.clear();
}

void FrameQueue::release(std::size_t count) noexcept {
  for (; count != 0; --count) {
    auto& frame = frames_.front();
    bytes_ -= frame.size();
    if (sent_ != 0) {
      --sent_;
      sent_bytes_ -= frame.size();
    } else {
      partial_ = 0;
    }
    if (leases_ != 0) dying_.push_back(std::move(frame));
    frames_.pop_front();
  }
}

void FrameQueue::rewind() noexcept { sent_ = sent_bytes_ = partial_ = 0; }

void FrameQueue::number_from(std::uint16_t number) noexcept {
  for (auto& frame : frames_) put_number(frame.data() + number_at, number++);
}

void FrameQueue::clear() noexcept {
  if (leases_ != 0) std::ranges::move(frames_, std::back_inserter(dying_));
  frames_.clear();
  bytes_ = 0;
  rewind();
}

}  // namespace corps::net
