#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "env/net/internal/carrier.hpp"
#include "env/net/internal/frame.hpp"

namespace corps::net::test {

/// One end of a carrier in memory. What it takes from its outbox lies on the way, frame by frame, until the test delivers it,
/// drops, doubles or reorders it, or cuts the way. One thread, no time.
class MemoryCarrier final : public Carrier {
 public:
  using Bytes = std::vector<std::byte>;

  explicit MemoryCarrier(Peer peer) : Carrier(peer) {}

  /// How many bytes the way takes at a time; asked at each write. 0: it is full.
  std::function<std::size_t()> room = [] { return SIZE_MAX; };

  void attach(Outbox& outbox) override { outbox_ = &outbox; }
  bool is_open() const override { return open_; }
  void close(std::string reason, Ending) override {
    open_ = false;
    reason_ = std::move(reason);
  }
  void flush_and_close(std::string reason) override {
    flush();
    close(std::move(reason), Ending::final);
  }
  void flush() override {
    std::array<Piece, 5> pieces;
    while (open_) {
      auto const size = room();
      auto const count = size == 0 ? 0 : outbox_->offer(*this, pieces);
      if (count == 0) return;
      auto left = size;
      for (auto const piece : std::span(pieces).first(count)) {
        auto const part = piece.first(std::min(left, piece.size()));
        begun_.insert(begun_.end(), part.begin(), part.end());
        left -= part.size();
      }
      outbox_->taken(*this, size - left);
      cut_frames();
    }
  }

  /// Frames on the way, first the one sent first.
  std::deque<Bytes> way;
  std::string const& reason() const { return reason_; }

  void drop(std::size_t at) { way.erase(way.begin() + static_cast<std::ptrdiff_t>(at)); }
  void duplicate(std::size_t at) { way.insert(way.begin() + static_cast<std::ptrdiff_t>(at), way[at]); }
  void reorder(std::size_t at, std::size_t with) { std::swap(way[at], way[with]); }

  /// Hands the first frame to the other end.
  void deliver(std::function<void(Frame const&)> const& take) {
    auto const bytes = std::move(way.front());
    way.pop_front();
    FrameReader reader(Phase::established, UINT32_MAX);
    std::span<std::byte const> rest = bytes;
    if (auto const frame = reader.next(rest)) take(*frame);
  }
  /// "request 7 (12 bytes), acknowledge (16 bytes)"
  std::string text() const {
    std::string all;
    for (auto const& bytes : way) {
      auto const kind = static_cast<std::uint8_t>(bytes[4]);
      all += (all.empty() ? "" : ", ") + kind_text(kind);
      if (has_number(kind)) all += " " + std::to_string(get_number<std::uint16_t>(bytes.data() + number_at));
      all += " (" + std::to_string(bytes.size() - header_bytes) + " bytes)";
    }
    return all;
  }

 private:
  void cut_frames() {
    while (begun_.size() >= header_bytes) {
      auto const size = header_bytes + get_number<std::uint32_t>(begun_.data());
      if (begun_.size() < size) return;
      auto const end = begun_.begin() + static_cast<std::ptrdiff_t>(size);
      way.emplace_back(begun_.begin(), end);
      begun_.erase(begun_.begin(), end);
    }
  }

  Outbox* outbox_ = nullptr;
  bool open_ = true;
  Bytes begun_;
  std::string reason_;
};

}  // namespace corps::net::test
