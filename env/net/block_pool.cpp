#include "env/net/internal/block_pool.hpp"

#include <utility>

namespace corps::net {

BlockPool& BlockPool::of_large() {
  static auto* const pool = new BlockPool{block_bytes};  // never ends: threads that are left behind at the end may use it
  return *pool;
}

BlockPool& BlockPool::of_small() {
  static auto* const pool = new BlockPool{small_block_bytes};
  return *pool;
}

detail::ByteBuffer BlockPool::take() {
  detail::ByteBuffer block;
  {
    std::lock_guard const lock{mutex_};
    if (!blocks_.empty()) {
      block = std::move(blocks_.back());
      blocks_.pop_back();
    }
  }
  block.reserve(size_);
  return block;
}

void BlockPool::give_back(detail::ByteBuffer block) noexcept {
  for (auto* const pool : {&of_large(), &of_small()})
    if (block.capacity() == pool->size_) return pool->keep(std::move(block));
}

void BlockPool::keep(detail::ByteBuffer block) noexcept {
  block.clear();
  std::lock_guard const lock{mutex_};
  if (blocks_.size() < kept_blocks_max) blocks_.push_back(std::move(block));
}

}  // namespace corps::net
