#pragma once

#include "corps/detail/bytes.hpp"

namespace corps::net {

/// A frame that is being packed: room for its header, and what follows. The memory stays with the thread, so that small frames
/// allocate nothing. Threads: stays on one. Drafts may be nested.
class FrameDraft {
 public:
  FrameDraft();
  ~FrameDraft();
  FrameDraft(FrameDraft const&) = delete;
  FrameDraft& operator=(FrameDraft const&) = delete;

  detail::ByteBuffer& bytes() noexcept { return bytes_; }

 private:
  detail::ByteBuffer bytes_;
};

}  // namespace corps::net
