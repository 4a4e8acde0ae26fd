#include "env/mail/internal/slab.hpp"

#include <fmt/format.h>

#include "corps/detail/runtime.hpp"
#include "corps/error.hpp"

namespace corps::mail {

using detail::Cell;

Slab::Slab() : blocks_(std::make_unique<std::atomic<Block*>[]>(detail::slots_max / cells_per_block)) {  // NOLINT
  std::lock_guard const lock{mutex_};
  for (std::uint32_t slot = 0; slot < fixed_slots; ++slot) take_slot();
}

std::uint32_t Slab::take_slot() {
  if (!free_.empty()) {
    auto const slot = free_.back();
    free_.pop_back();
    return slot;
  }
  auto const slot = slots_made_.load(std::memory_order_relaxed);
  if (slot == detail::slots_max)
    throw Overloaded{fmt::format("this Env holds {} Workers, the most it can; end some, or use more Envs", detail::slots_max)};
  auto& block = blocks_[slot / cells_per_block];
  if (block.load(std::memory_order_relaxed) == nullptr) block.store(new Block, std::memory_order_release);
  uses_.push_back(0);
  slots_made_.store(slot + 1, std::memory_order_release);
  return slot;
}

Cell& Slab::allocate(ConcId fixed) {
  std::lock_guard const lock{mutex_};
  if (fixed != ConcId::none) {
    auto& cell = cell_at(detail::split(fixed).slot);
    cell.id.store(fixed, std::memory_order_relaxed);
    return cell;
  }
  auto const slot = take_slot();
  auto& cell = cell_at(slot);
  cell.id.store(detail::join({epoch_.load(std::memory_order_relaxed), ++uses_[slot], slot}), std::memory_order_relaxed);
  return cell;
}

void Slab::release(Cell& cell) noexcept {
  auto const slot = detail::split(cell.id.load(std::memory_order_relaxed)).slot;
  cell.id.store(ConcId::none, std::memory_order_relaxed);
  if (slot < fixed_slots) return;
  std::lock_guard const lock{mutex_};
  if (uses_[slot] + 1 < detail::uses_max) free_.push_back(slot);  // else the slot is retired: its ids are used up
}

Cell* Slab::place_of(ConcId id) const noexcept {
  auto const slot = detail::split(id).slot;
  if (slot >= slots_made_.load(std::memory_order_acquire)) return nullptr;
  return &cell_at(slot);
}

Slab& slab() {
  static auto* const instance = new Slab;
  return *instance;
}

}  // namespace corps::mail

namespace corps::detail {

Cell* find(ConcId id) noexcept {
  auto* const cell = id == ConcId::none ? nullptr : mail::slab().place_of(id);
  return cell == nullptr ? nullptr : home_of(id, cell);
}

}  // namespace corps::detail
