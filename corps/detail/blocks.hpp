#pragma once

#include <algorithm>
#include <cstddef>
#include <new>

namespace corps::detail {

inline constexpr std::size_t block_bytes_max = 1024;  // larger ones are not kept

/// The sizes of blocks. Together with what malloc notes beside each, they take a multiple of a step, as malloc would have it.
inline constexpr std::size_t block_step_bytes = 16;
inline constexpr std::size_t block_note_bytes = 8;
inline constexpr std::size_t block_bytes_min = 2 * block_step_bytes - block_note_bytes;
constexpr std::size_t bytes_of_block(std::size_t size) { return block_bytes_min + size * block_step_bytes; }
constexpr std::size_t size_of_block(std::size_t bytes) {
  return (std::max(bytes, block_bytes_min) - block_note_bytes - 1) / block_step_bytes;
}
inline constexpr std::size_t block_sizes = size_of_block(block_bytes_max) + 1;
static_assert(size_of_block(bytes_of_block(7)) == 7 && size_of_block(bytes_of_block(7) + 1) == 8 && size_of_block(1) == 0);

/// Memory for what lives briefly and comes in great numbers: envelopes and coroutine frames. Each thread keeps what it has given
/// back for what it takes next; threads that give more than they take hand it on to others in batches. What is kept is bounded,
/// and the rest goes back to operator delete.
/// Threads: any; a block may be given back by another thread than took it.
[[gnu::hot]] void* take_block_of(std::size_t size);
[[gnu::hot]] void give_block_of(void* block, std::size_t size) noexcept;
void* take_unkept_block(std::size_t bytes);

inline void* take_block(std::size_t bytes) {
  return bytes > block_bytes_max ? take_unkept_block(bytes) : take_block_of(size_of_block(bytes));
}
/// `bytes` as it was taken.
inline void give_block(void* block, std::size_t bytes) noexcept {
  bytes > block_bytes_max ? ::operator delete(block) : give_block_of(block, size_of_block(bytes));
}

/// Base of coroutine promises whose frames live in such blocks. Only this form: a coroutine's parameters would choose another.
struct InBlocks {
  static void* operator new(std::size_t bytes) { return take_block(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { give_block(block, bytes); }
};

/// Base of classes whose objects live in such blocks, with every form of new.
struct ObjectInBlocks {
  static void* operator new(std::size_t bytes) { return take_block(bytes); }
  static void* operator new(std::size_t bytes, std::nothrow_t const&) noexcept {
    try {
      return take_block(bytes);
    } catch (std::bad_alloc const&) {
      return nullptr;
    }
  }
  static void* operator new(std::size_t, void* place) noexcept { return place; }
  static void operator delete(void* block, std::size_t bytes) noexcept { give_block(block, bytes); }
  // What is aligned more strictly than a block is not kept.
  static void* operator new(std::size_t bytes, std::align_val_t alignment) { return ::operator new(bytes, alignment); }
  static void operator delete(void* block, std::size_t, std::align_val_t alignment) noexcept {
    ::operator delete(block, alignment);  // the form with a size is missing in clang before 19
  }
};

}  // namespace corps::detail
