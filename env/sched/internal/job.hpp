#pragma once

#include "corps/detail/cell.hpp"

namespace caf {
class resumable;
}

namespace corps::sched {

/// Builds the scheduler's job into the cell's slot, where it stays.
void place_job(detail::Cell& cell);

/// Whether a job of the scheduler is a Worker's turn, and not one of CAF's own.
[[gnu::hot]] bool is_turn(caf::resumable const& job) noexcept;

[[gnu::hot]] caf::resumable* job_of(detail::Cell& cell) noexcept;

/// One turn of a Worker: at most 64 requests or 200 µs. True if there is more to do.
[[gnu::hot]] bool run_turn(detail::Cell& cell) noexcept;

}  // namespace corps::sched
