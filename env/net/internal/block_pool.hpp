#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "corps/detail/bytes.hpp"

namespace corps::net {

/// Blocks of memory that frames were packed into, kept for the next burst on any link. Threads: any.
/// Limits: keeps at most `kept_blocks_max`; more are freed.
class BlockPool {
 public:
  static constexpr std::size_t block_bytes = std::size_t{64} << 10;
  static constexpr std::size_t kept_blocks_max = 64;

  static BlockPool& of_process();

  /// An empty buffer of block_bytes.
  detail::ByteBuffer take();
  /// `block` has the capacity of one.
  void give_back(detail::ByteBuffer block) noexcept;

 private:
  BlockPool() { blocks_.reserve(kept_blocks_max); }

  std::mutex mutex_;
  std::vector<detail::ByteBuffer> blocks_;
};

}  // namespace corps::net
