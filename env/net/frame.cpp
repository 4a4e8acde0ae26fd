#include "env/net/internal/frame.hpp"

#include <algorithm>

namespace corps::net {

namespace {

constexpr std::size_t kept_capacity_max = 4096;                  // of a reader between two frames: idle connections stay small
constexpr std::size_t direct_bytes_min = std::size_t{16} << 10;  // of a frame that are worth a place of their own to be read to

}  // namespace

bool is_legal(Phase phase, std::uint8_t kind) noexcept {
  switch (static_cast<FrameKind>(kind)) {
    case FrameKind::request:
    case FrameKind::answer:
    case FrameKind::error:
    case FrameKind::control:
    case FrameKind::goodbye:
    case FrameKind::resume:
    case FrameKind::acknowledge:
    case FrameKind::fragment:
    case FrameKind::cancel:
    case FrameKind::probe: return phase == Phase::established;
    case FrameKind::hello: return phase == Phase::server_awaits_hello;
    case FrameKind::challenge: return phase == Phase::client_awaits_challenge;
    case FrameKind::proof: return phase == Phase::server_awaits_proof;
    case FrameKind::accept: return phase == Phase::client_awaits_accept;
    case FrameKind::refuse: return phase == Phase::client_awaits_challenge || phase == Phase::client_awaits_accept;
  }
  return false;
}

bool has_number(std::uint8_t kind) noexcept {
  return (kind >= static_cast<std::uint8_t>(FrameKind::request) && kind <= static_cast<std::uint8_t>(FrameKind::control)) ||
         kind == static_cast<std::uint8_t>(FrameKind::fragment) || kind == static_cast<std::uint8_t>(FrameKind::cancel) ||
         kind == static_cast<std::uint8_t>(FrameKind::probe);
}

std::string kind_text(std::uint8_t kind) {
  switch (static_cast<FrameKind>(kind)) {
    case FrameKind::request: return "request";
    case FrameKind::answer: return "answer";
    case FrameKind::error: return "error";
    case FrameKind::control: return "control";
    case FrameKind::goodbye: return "goodbye";
    case FrameKind::resume: return "resume";
    case FrameKind::acknowledge: return "acknowledge";
    case FrameKind::fragment: return "fragment";
    case FrameKind::cancel: return "cancel";
    case FrameKind::probe: return "probe";
    case FrameKind::hello: return "hello";
    case FrameKind::challenge: return "challenge";
    case FrameKind::proof: return "proof";
    case FrameKind::accept: return "accept";
    case FrameKind::refuse: return "refuse";
  }
  return "kind " + std::to_string(kind);
}

std::optional<Frame> FrameReader::next(std::span<std::byte const>& bytes) {
  if (!failure_.empty()) return std::nullopt;
  if (partial_size_ == 0) {
    if (partial_.capacity() > kept_capacity_max && bytes.empty()) {
      partial_.release();
    } else {
      partial_.clear();
    }
    // The usual case: whole frames lie in what was read, and are handed on where they lie.
    if (bytes.size() >= header_bytes) {
      auto const size = frame_size(bytes.data());
      if (!size) return std::nullopt;
      if (bytes.size() >= *size) {
        Frame const frame{static_cast<FrameKind>(bytes[4]), get_number<std::uint16_t>(bytes.data() + number_at),
                          bytes.subspan(header_bytes, *size - header_bytes), nullptr};
        bytes = bytes.subspan(*size);
        return frame;
      }
    }
  }
  if (partial_size_ < header_bytes) {
    auto const count = std::min(header_bytes - partial_size_, bytes.size());
    std::copy_n(bytes.begin(), count, header_.begin() + static_cast<std::ptrdiff_t>(partial_size_));
    partial_size_ += count;
    bytes = bytes.subspan(count);
    if (partial_size_ < header_bytes) return std::nullopt;
  }
  auto const size = frame_size(header_.data());
  if (!size) return std::nullopt;
  keep(bytes, std::min(*size - partial_size_, bytes.size()));
  if (partial_size_ < *size) return std::nullopt;
  partial_size_ = 0;
  before_ = std::max(before_, partial_.size());
  return Frame{static_cast<FrameKind>(header_[4]), get_number<std::uint16_t>(header_.data() + number_at), partial_.view(),
               &partial_};
}

// Checks a header and returns the size of its frame.
std::optional<std::size_t> FrameReader::frame_size(std::byte const* header) {
  auto const length = get_number<std::uint32_t>(header);
  auto const kind = static_cast<std::uint8_t>(header[4]);
  if (!is_legal(phase_, kind)) {
    failure_ = "unexpected frame: " + kind_text(kind);
  } else if (header[5] != std::byte{0} || (!has_number(kind) && get_number<std::uint16_t>(header + number_at) != 0)) {
    failure_ = "frame with unknown flags";
  } else if (length > payload_bytes_max_) {
    failure_ = "frame of " + std::to_string(length) + " bytes is over the limit of " + std::to_string(payload_bytes_max_);
  } else {
    return header_bytes + length;
  }
  return std::nullopt;
}

void FrameReader::keep(std::span<std::byte const>& bytes, std::size_t count) {
  auto const needed = partial_.size() + count;
  if (needed > partial_.capacity()) grow(std::max<std::size_t>(2 * needed, 256));
  partial_.append(bytes.data(), count);
  partial_size_ += count;
  bytes = bytes.subspan(count);
}

std::span<std::byte> FrameReader::room() {
  if (partial_size_ < header_bytes) return {};
  auto const size = partial_.size();
  auto const left = [&](std::size_t capacity) { return std::min(claimed(), capacity) - size; };
  if (left(partial_.capacity()) < direct_bytes_min) {
    if (left(std::max(2 * size, before_)) < direct_bytes_min) return {};
    grow(2 * size);
  }
  return {partial_.data() + size, left(partial_.capacity())};
}

// Memory follows the bytes that came, not the length that was claimed: the buffer doubles at most, or gets as large as one
// before.
void FrameReader::grow(std::size_t capacity) {
  detail::ByteBuffer larger;
  larger.reserve(std::min(claimed(), std::max(capacity, before_)));
  larger.append(partial_.data(), partial_.size());
  partial_.swap(larger);
}

void FrameReader::filled(std::size_t count) noexcept {
  partial_.extend(count);
  partial_size_ += count;
}

}  // namespace corps::net
