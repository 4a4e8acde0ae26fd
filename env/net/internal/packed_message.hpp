#pragma once

#include <cstddef>
#include <utility>

#include "corps/detail/bytes.hpp"
#include "corps/detail/given.hpp"
#include "env/net/internal/carrier.hpp"

namespace corps::net {

/// A message as it was packed: bytes with room for a header at their beginning, and large values between them, which were not
/// copied. Threads: any number may read it.
class PackedMessage {
 public:
  PackedMessage(detail::ByteBuffer packed, detail::AllGiven given) noexcept
      : packed_(std::move(packed)), given_(std::move(given)), size_(packed_.size() + detail::bytes_given(given_)) {}

  /// With the header.
  std::size_t size() const noexcept { return size_; }
  struct Place {
    Piece together;  // what lies in one place
    std::size_t at;  // of it
  };
  /// Where a byte of it lies. `at` must be less than size().
  Place find(std::size_t at) const noexcept;
  /// All of one in which nothing was given.
  detail::ByteBuffer& packed() noexcept { return packed_; }

 private:
  detail::ByteBuffer packed_;
  detail::AllGiven given_;
  std::size_t size_;
};

}  // namespace corps::net
