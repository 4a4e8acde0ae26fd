#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "corps/detail/bytes.hpp"

namespace corps::net {

/// Blocks of memory of one size that frames were packed into, kept for the next burst on any link: asked for 1 KiB or more,
/// glibc's malloc first merges all the small pieces that were freed, and cuts them again for those who ask next. Threads: any.
/// Limits: keeps at most `kept_blocks_max`; more are freed.
class BlockPool {
 public:
  static constexpr std::size_t block_bytes = std::size_t{64} << 10;
  static constexpr std::size_t small_block_bytes = std::size_t{8} << 10;
  static constexpr std::size_t kept_blocks_max = 64;

  /// The pool of the process for blocks of block_bytes.
  static BlockPool& of_large();
  /// The pool of the process for blocks of small_block_bytes.
  static BlockPool& of_small();

  /// An empty buffer of the size of a block.
  detail::ByteBuffer take();
  /// To the pool for blocks of its capacity; if there is none, its memory is freed.
  static void give_back(detail::ByteBuffer block) noexcept;

 private:
  explicit BlockPool(std::size_t size) : size_(size) { blocks_.reserve(kept_blocks_max); }
  void keep(detail::ByteBuffer block) noexcept;

  std::size_t const size_;
  std::mutex mutex_;
  std::vector<detail::ByteBuffer> blocks_;
};

}  // namespace corps::net
