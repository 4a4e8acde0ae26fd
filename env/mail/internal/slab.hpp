#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/conc_id.hpp"

namespace corps::mail {

/// Where cells live. A cell's place in the slab is part of its Worker's id, so that an id leads to its cell in one step;
/// memory that was a cell once is a cell for ever.
/// Threads: any.
class Slab {
 public:
  Slab();
  Slab(Slab const&) = delete;
  Slab& operator=(Slab const&) = delete;

  /// A cell with a new id; or with the id given, which must be one of the fixed ones. Its mailbox is closed.
  /// Throws Overloaded when all `slots_max` are taken.
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
  using Block = std::array<detail::Cell, cells_per_block>;

  detail::Cell& cell_at(std::uint32_t slot) const noexcept {
    return (*blocks_[slot / cells_per_block].load(std::memory_order_acquire))[slot % cells_per_block];
  }
  std::uint32_t take_slot();

  std::unique_ptr<std::atomic<Block*>[]> blocks_;  // NOLINT
  std::atomic<std::uint32_t> slots_made_{0};
  std::atomic<std::uint32_t> epoch_{1};
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> uses_;  // of each slot, so far
};

/// The slab of this process. It outlives every thread.
Slab& slab();

}  // namespace corps::mail
