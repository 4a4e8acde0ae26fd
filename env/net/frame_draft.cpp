#include "env/net/internal/frame_draft.hpp"

#include <cstddef>

#include "env/net/internal/wire.hpp"

namespace corps::net {

namespace {

constexpr std::size_t kept_capacity_max = std::size_t{16} << 10;

thread_local detail::ByteBuffer kept;

}  // namespace

FrameDraft::FrameDraft() {
  bytes_.swap(kept);
  bytes_.clear();
  bytes_.extend(header_bytes);
}

FrameDraft::~FrameDraft() {
  if (bytes_.capacity() != 0 && bytes_.capacity() <= kept_capacity_max) bytes_.swap(kept);
}

}  // namespace corps::net
