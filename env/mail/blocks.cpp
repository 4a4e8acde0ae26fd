#include "env/mail/internal/blocks.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CORPS_KEEPS_BLOCKS 0  // the sanitizers look at each allocation
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CORPS_KEEPS_BLOCKS 0
#endif
#endif
#ifndef CORPS_KEEPS_BLOCKS
#define CORPS_KEEPS_BLOCKS 1
#endif

namespace corps::mail {
namespace {

using namespace detail;  // NOLINT: the sizes

/// A block that is kept.
struct Block {
  Block* next;
  Block* next_batch;  // of the first of a batch that waits for any thread
};
static_assert(sizeof(Block) <= bytes_of_block(0));

struct Batch {
  Block* first = nullptr;
  std::size_t room = 0;  // for further ones; 0 as well before anything is kept
};

/// What a thread keeps of one size: the batch it takes from and gives to, and another that is full or empty, so that a thread on
/// the edge between two does not bother the others.
struct Kept {
  Batch near;
  Batch far;
};

struct Own {
  enum class State : std::uint8_t { fresh, keeps, ended };
  std::array<Kept, block_sizes> kept;
  std::uint64_t taken = 0;
  State state = State::fresh;
};
constinit thread_local Own own;

/// Full batches of one size, for any thread.
struct Shared {
  std::mutex mutex;
  Block* batches = nullptr;
};
constinit std::array<Shared, block_sizes> shared;
constinit std::atomic<std::size_t> shared_bytes{0};

void free_all(Block* block) noexcept {
  while (block != nullptr) ::operator delete(std::exchange(block, block->next));
}

/// Gives everything back when the thread ends.
struct AtThreadEnd {
  ~AtThreadEnd() {
    own.state = Own::State::ended;
    for (auto& kept : own.kept) {
      free_all(std::exchange(kept.near, {}).first);
      free_all(std::exchange(kept.far, {}).first);
    }
  }
  void is_needed() noexcept { own.state = Own::State::keeps; }
};
thread_local AtThreadEnd at_thread_end;

/// Whether the thread may keep blocks: not any more when it is ending.
[[gnu::noinline]] bool begin_to_keep() noexcept {
  if (own.state == Own::State::ended) return false;
  at_thread_end.is_needed();
  return true;
}

[[gnu::noinline]] void* refill(std::size_t size) {
  auto& [near, far] = own.kept[size];
  std::swap(near, far);
  // Also on a thread that only takes: what it takes of a batch, others give back.
  if (near.first == nullptr && shared_bytes.load(std::memory_order_relaxed) != 0 &&
      (own.state == Own::State::keeps || begin_to_keep())) {
    std::lock_guard const lock{shared[size].mutex};
    if (auto* const first = shared[size].batches) {
      shared[size].batches = first->next_batch;
      near = {first, 0};
      shared_bytes.fetch_sub(blocks_per_batch * bytes_of_block(size), std::memory_order_relaxed);
    }
  }
  if (near.first == nullptr) return ::operator new(bytes_of_block(size));
  ++near.room;
  return std::exchange(near.first, near.first->next);
}

void share(std::size_t size, Block* batch) noexcept {
  auto const bytes = blocks_per_batch * bytes_of_block(size);
  if (shared_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes > shared_bytes_max) {
    shared_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return free_all(batch);
  }
  std::lock_guard const lock{shared[size].mutex};
  batch->next_batch = std::exchange(shared[size].batches, batch);
}

/// The near batch is full, or nothing was kept before.
[[gnu::noinline]] void give_to_new_batch(void* block, std::size_t size) noexcept {
  if (own.state != Own::State::keeps && !begin_to_keep()) return ::operator delete(block);
  auto& [near, far] = own.kept[size];
  if (near.first != nullptr) {
    if (far.first != nullptr) share(size, far.first);
    far = near;
  }
  near = {nullptr, blocks_per_batch};
  give_block_of(block, size);
}

}  // namespace

std::uint64_t blocks_taken_here() noexcept { return own.taken; }
std::size_t shared_block_bytes() noexcept { return shared_bytes.load(std::memory_order_relaxed); }

}  // namespace corps::mail

namespace corps::detail {

using namespace mail;  // NOLINT: the functions of the other half of this file

void* take_unkept_block(std::size_t bytes) {
  ++own.taken;
  return ::operator new(bytes);
}

void* take_block_of(std::size_t size) {
  ++own.taken;
  if (CORPS_KEEPS_BLOCKS == 0) return ::operator new(bytes_of_block(size));
  auto& near = own.kept[size].near;
  auto* const block = near.first;
  if (block == nullptr) [[unlikely]]
    return refill(size);
  near.first = block->next;
  ++near.room;
  __builtin_prefetch(near.first, 1);  // the next to be taken may have been given back by another thread, or long ago
  return block;
}

void give_block_of(void* block, std::size_t size) noexcept {
  if (CORPS_KEEPS_BLOCKS == 0) return ::operator delete(block);
  auto& near = own.kept[size].near;
  if (near.room == 0) [[unlikely]]
    return give_to_new_batch(block, size);
  auto* const kept = static_cast<Block*>(block);
  kept->next = near.first;
  near.first = kept;
  --near.room;
}

}  // namespace corps::detail
