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

/// Together with what malloc notes beside each, they take a multiple of this, as malloc would have it.
constexpr std::size_t step_bytes = 16;
constexpr std::size_t note_bytes = 8;
constexpr std::size_t block_bytes_min = 2 * step_bytes - note_bytes;
constexpr std::size_t bytes_of(std::size_t size) { return block_bytes_min + size * step_bytes; }
constexpr std::size_t size_of(std::size_t bytes) { return (std::max(bytes, block_bytes_min) - note_bytes - 1) / step_bytes; }
constexpr std::size_t sizes = size_of(block_bytes_max) + 1;
static_assert(size_of(bytes_of(7)) == 7 && size_of(bytes_of(7) + 1) == 8 && size_of(1) == 0);

/// A block that is kept.
struct Block {
  Block* next;
  Block* next_batch;  // of the first of a batch that waits for any thread
};
static_assert(sizeof(Block) <= bytes_of(0));

struct Batch {
  Block* first = nullptr;
  std::size_t count = 0;
};

/// What a thread keeps of one size: the batch it takes from and gives to, and another, so that a thread on the edge between two
/// batches does not bother the others.
struct Kept {
  Batch near;
  Batch far;
};

struct Own {
  enum class State : std::uint8_t { fresh, keeps, ended };
  std::array<Kept, sizes> kept;
  std::uint64_t taken = 0;
  State state = State::fresh;
};
constinit thread_local Own own;

/// Full batches of one size, for any thread.
struct Shared {
  std::mutex mutex;
  Block* batches = nullptr;
};
constinit std::array<Shared, sizes> shared;
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
      near = {first, blocks_per_batch};
      shared_bytes.fetch_sub(blocks_per_batch * bytes_of(size), std::memory_order_relaxed);
    }
  }
  if (near.first == nullptr) return ::operator new(bytes_of(size));
  --near.count;
  return std::exchange(near.first, near.first->next);
}

void share(std::size_t size, Batch batch) noexcept {
  auto const bytes = blocks_per_batch * bytes_of(size);
  if (shared_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes > shared_bytes_max) {
    shared_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return free_all(batch.first);
  }
  std::lock_guard const lock{shared[size].mutex};
  batch.first->next_batch = std::exchange(shared[size].batches, batch.first);
}

/// The near batch is full.
[[gnu::noinline]] void make_room(std::size_t size) noexcept {
  auto& [near, far] = own.kept[size];
  if (far.count == blocks_per_batch) share(size, far);
  far = std::exchange(near, {});
}

}  // namespace

std::uint64_t blocks_taken_here() noexcept { return own.taken; }
std::size_t shared_block_bytes() noexcept { return shared_bytes.load(std::memory_order_relaxed); }

}  // namespace corps::mail

namespace corps::detail {

using namespace mail;  // NOLINT: the functions of the other half of this file

void* take_block(std::size_t bytes) {
  ++own.taken;
  if (CORPS_KEEPS_BLOCKS == 0 || bytes > block_bytes_max) return ::operator new(bytes);
  auto const size = size_of(bytes);
  auto& near = own.kept[size].near;
  if (near.first == nullptr) [[unlikely]]
    return refill(size);
  --near.count;
  auto* const block = std::exchange(near.first, near.first->next);
  __builtin_prefetch(near.first, 1);  // the next to be taken may have been given back by another thread, or long ago
  return block;
}

void give_block(void* block, std::size_t bytes) noexcept {
  if (CORPS_KEEPS_BLOCKS == 0 || bytes > block_bytes_max) return ::operator delete(block);
  if (own.state != Own::State::keeps && !begin_to_keep()) [[unlikely]]
    return ::operator delete(block);
  auto const size = size_of(bytes);
  auto& near = own.kept[size].near;
  if (near.count == blocks_per_batch) [[unlikely]]
    make_room(size);
  auto* const kept = static_cast<Block*>(block);
  kept->next = near.first;
  near = {kept, near.count + 1};
}

}  // namespace corps::detail
