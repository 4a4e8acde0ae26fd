#pragma once

#include <cstdint>

#include "corps/detail/cell.hpp"

/// Threads that wait at a mailbox: plain threads at their port, Workers in a blocking get(), and those that have a thread of
/// their own.
namespace corps::mail {

/// Sleeps until something arrives in the mailbox, or the time has come. The calling thread owns the cell's turn, before
/// and after.
[[gnu::hot]] void park(detail::Cell& cell, std::int64_t until_ns);

/// Sleeps until something has arrived in an idle mailbox, or in one that is being opened, whose `wakes` is a thread. The calling
/// thread, which is that one, owns the cell's turn after.
void sleep_until_woken(detail::Cell& cell);

/// Wakes the thread that sleeps at the mailbox. Any thread.
[[gnu::hot]] void unpark(detail::Cell& cell) noexcept;

}  // namespace corps::mail
