#include "env/sched/internal/job.hpp"

#include <caf/resumable.hpp>
#include <cstddef>
#include <new>

namespace corps::sched {
namespace {

using detail::Cell;

/// CAF's own jobs in our lanes are of no particular subtype.
constexpr auto turn_subtype = caf::resumable::function_object;

/// A Worker as CAF's scheduler sees it. It lives in its cell and finds the cell by its place there.
struct Job final : caf::resumable {
  [[gnu::hot]] resume_result resume(caf::execution_unit*, std::size_t) override {
    return run_turn(cell()) ? resume_later : awaiting_message;
  }
  subtype_t subtype() const override { return turn_subtype; }
  void intrusive_ptr_add_ref_impl() override {}  // the slab keeps the memory
  void intrusive_ptr_release_impl() override {}

  Cell& cell() noexcept {
    return *std::launder(reinterpret_cast<Cell*>(this));  // the slot is the first thing in a cell
  }
};
static_assert(sizeof(Job) <= sizeof(Cell::sched_slot));

}  // namespace

void place_job(Cell& cell) { new (&cell.sched_slot) Job; }

bool is_turn(caf::resumable const& job) noexcept { return job.subtype() == turn_subtype; }

caf::resumable* job_of(Cell& cell) noexcept { return std::launder(reinterpret_cast<Job*>(&cell.sched_slot)); }

}  // namespace corps::sched
