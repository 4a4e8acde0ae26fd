#include "env/mail/internal/slab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "corps/error.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {

using detail::Cell;

namespace {
constexpr std::size_t slots_per_batch = 64;
}  // namespace

/// What a thread keeps: it takes a batch when it has none left, and gives the older half back when it has two.
struct Slab::Own {
  enum class State : std::uint8_t { fresh, keeps, ended };
  std::array<std::uint32_t, 2 * slots_per_batch> slots;
  std::size_t count;
  State state;
};
constinit thread_local Slab::Own Slab::own_{};

struct Slab::AtThreadEnd {
  ~AtThreadEnd() {
    own_.state = Own::State::ended;
    slab().put_back({own_.slots.data(), std::exchange(own_.count, 0)});
  }
  static void expect() noexcept {
    thread_local AtThreadEnd at_thread_end;
    own_.state = Own::State::keeps;
    (void)at_thread_end;
  }
};

Slab::Slab() : blocks_(std::make_unique<std::atomic<Block*>[]>(detail::slots_max / cells_per_block)) {  // NOLINT
  make_slots(fixed_slots);
}

/// From a thread that has the lock, or is alone. The first of them; the others follow.
std::uint32_t Slab::make_slots(std::uint32_t count) {
  auto const first = slots_made_.load(std::memory_order_relaxed);
  if (first + count > detail::slots_max)
    throw Overloaded{fmt::format("this Env holds {} Workers, the most it can; end some, or use more Envs", detail::slots_max)};
  for (auto slot = first; slot < first + count; ++slot) {
    auto& block = blocks_[slot / cells_per_block];
    if (block.load(std::memory_order_relaxed) == nullptr) block.store(new Block, std::memory_order_release);
  }
  slots_made_.store(first + count, std::memory_order_release);
  return first;
}

std::uint32_t Slab::take_slot() {
  if (own_.count != 0 && sched::simulation == nullptr) [[likely]]
    return own_.slots[--own_.count];
  return take_slots();
}

/// One to be used now, and the rest of a batch to be kept.
std::uint32_t Slab::take_slots() {
  if (own_.state == Own::State::fresh) AtThreadEnd::expect();
  std::lock_guard const lock{mutex_};
  bool const alone = own_.state == Own::State::ended || sched::simulation != nullptr;  // what is played is the same on any thread
  std::size_t const wanted = alone ? 1 : slots_per_batch;
  if (free_.empty()) {
    auto const count =
        std::min(static_cast<std::uint32_t>(wanted), detail::slots_max - slots_made_.load(std::memory_order_relaxed));
    auto const first = make_slots(std::max<std::uint32_t>(count, 1));
    for (auto slot = first + count - 1; slot > first; --slot) own_.slots[own_.count++] = slot;
    return first;
  }
  auto const taken = free_.end() - static_cast<std::ptrdiff_t>(std::min(wanted, free_.size()));
  auto const slot = free_.back();
  for (auto kept = taken; kept != free_.end() - 1; ++kept) own_.slots[own_.count++] = *kept;
  free_.erase(taken, free_.end());
  return slot;
}

void Slab::give_slot(std::uint32_t slot) noexcept {
  if (sched::simulation != nullptr) [[unlikely]]
    return put_back({&slot, 1});
  if (own_.state != Own::State::keeps) [[unlikely]] {
    if (own_.state == Own::State::ended) return put_back({&slot, 1});
    AtThreadEnd::expect();
  }
  if (own_.count == own_.slots.size()) [[unlikely]] {
    put_back({own_.slots.data(), slots_per_batch});
    std::copy(own_.slots.begin() + slots_per_batch, own_.slots.end(), own_.slots.begin());
    own_.count -= slots_per_batch;
  }
  own_.slots[own_.count++] = slot;
}

void Slab::put_back(std::span<std::uint32_t const> slots) noexcept {
  std::lock_guard const lock{mutex_};
  free_.insert(free_.end(), slots.begin(), slots.end());
}

Cell& Slab::allocate(ConcId fixed) {
  if (fixed != ConcId::none) {
    auto& cell = cell_at(detail::split(fixed).slot);
    cell.id.store(fixed, std::memory_order_relaxed);
    return cell;
  }
  auto const slot = take_slot();
  auto& cell = cell_at(slot);
  cell.id.store(detail::join({epoch_.load(std::memory_order_relaxed), ++uses_of(slot), slot}), std::memory_order_relaxed);
  return cell;
}

void Slab::release(Cell& cell) noexcept {
  auto const slot = detail::split(cell.id.load(std::memory_order_relaxed)).slot;
  cell.id.store(ConcId::none, std::memory_order_relaxed);
  if (slot < fixed_slots) return;
  if (uses_of(slot) + 1 < detail::uses_max) give_slot(slot);  // else the slot is retired: its ids are used up
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
