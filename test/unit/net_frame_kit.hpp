#pragma once

#include "corps/detail/bytes.hpp"
#include "env/net/internal/wire.hpp"

namespace corps::net::test {

/// A frame to send, for FrameQueue::push and what is above it: room for its header, and then what the test puts in.
inline detail::ByteBuffer frame_with_room() {
  detail::ByteBuffer frame;
  frame.extend(header_bytes);
  return frame;
}

}  // namespace corps::net::test
