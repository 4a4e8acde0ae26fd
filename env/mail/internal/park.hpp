#pragma once

#include <cstdint>

#include "corps/detail/cell.hpp"

/// Threads that wait at a mailbox: plain threads at their port, and Workers in a blocking get().
namespace corps::mail {

/// Sleeps until something arrives in the mailbox, or the time has come. The calling thread owns the cell's turn, before
/// and after.
void park(detail::Cell& cell, std::int64_t until_ns);

/// Wakes the thread that sleeps at the mailbox. Any thread.
void unpark(detail::Cell& cell) noexcept;

}  // namespace corps::mail
