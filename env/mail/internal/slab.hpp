#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/conc_id.hpp"

namespace corps::mail {

/// Where cells live. A cell's place in the slab is part of its Worker's id, so that an id leads to its cell in one step;
/// memory that was a cell once is a cell for ever.
/// A thread keeps a few places for itself and takes and gives back the others in batches, so that threads that make Workers side
/// by side do not wait for one another.
/// Threads: any.
class Slab {
 public:
  Slab();
  Slab(Slab const&) = delete;
  Slab& operator=(Slab const&) = delete;

  /// A cell with a new id; or with the id given, which must be one of the fixed ones. Its mailbox is closed.
  /// Throws Overloaded when all `slots_max` are taken, or kept by other threads.
  detail::Cell& allocate(ConcId fixed);
  /// Takes a cell back whose mailbox is closed and whose object is gone.
  void release(detail::Cell& cell) noexcept;
  /// The cell at the place that the id names, whoever lives there; null if there is none yet.
  detail::Cell* place_of(ConcId id) const noexcept;
  /// Every cell there ever was, for whoever looks for Workers.
  template <class F>
  void for_each(F&& visit) const {
    auto const end = slots_made_.load(std::memory_order_acquire);
    for (std::uint32_t slot = 0; slot < end; ++slot) visit(cell_at(slot));
  }
  void set_epoch(std::uint32_t epoch) noexcept { epoch_.store(epoch, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t cells_per_block = 256;
  static constexpr std::uint32_t fixed_slots = 16;
  struct Block {
    std::array<detail::Cell, cells_per_block> cells;
    std::array<std::uint32_t, cells_per_block> uses{};  // of each, so far; whoever has the slot reads and writes it
  };
  struct Own;
  struct AtThreadEnd;
  static constinit thread_local Own own_;  // of this thread

  Block& block_of(std::uint32_t slot) const noexcept { return *blocks_[slot / cells_per_block].load(std::memory_order_acquire); }
  detail::Cell& cell_at(std::uint32_t slot) const noexcept { return block_of(slot).cells[slot % cells_per_block]; }
  std::uint32_t& uses_of(std::uint32_t slot) const noexcept { return block_of(slot).uses[slot % cells_per_block]; }
  std::uint32_t take_slot();
  std::uint32_t take_slots();
  std::uint32_t make_slots(std::uint32_t count);
  void give_slot(std::uint32_t slot) noexcept;
  void put_back(std::span<std::uint32_t const> slots) noexcept;

  std::unique_ptr<std::atomic<Block*>[]> blocks_;  // NOLINT
  std::atomic<std::uint32_t> slots_made_{0};
  std::atomic<std::uint32_t> epoch_{1};
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;  // for any thread
};

/// The slab of this process. It outlives every thread.
Slab& slab();

}  // namespace corps::mail
