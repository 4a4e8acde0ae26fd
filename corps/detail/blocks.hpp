#pragma once

#include <cstddef>
#include <new>

namespace corps::detail {

/// Memory for what lives briefly and comes in great numbers: envelopes and coroutine frames. Each thread keeps what it has given
/// back for what it takes next; threads that give more than they take hand it on to others in batches. What is kept is bounded,
/// and the rest goes back to operator delete.
/// Threads: any; a block may be given back by another thread than took it.
[[gnu::hot]] void* take_block(std::size_t bytes);
/// `bytes` as it was taken.
[[gnu::hot]] void give_block(void* block, std::size_t bytes) noexcept;

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
