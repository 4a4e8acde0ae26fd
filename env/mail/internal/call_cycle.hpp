#pragma once

#include <cstdint>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"

/// Requests that wait for each other in a circle are named, not timed out.
///
/// A circle always holds a request that was put aside because its Worker is not free, and is complete with the last wait that
/// begins. So nothing needs to be watched but these two rare things: a Worker puts a request aside, or begins to wait for a
/// call that it made in an earlier turn. Either has the deadline clock send the Worker its tick in 20 to 40 ms. It then sends
/// a probe after the wait, which goes from Worker to Worker as the waits do, in their own turns. A probe that comes back to
/// where it began goes round once more: when it meets the same waits again, all of them stood at once when the second round
/// began, and none of them can end by itself any more. The youngest ends with CallCycle: the probe goes to it the same way.
///
/// A call that is in another Env is followed there: the probe goes over the link as a frame, and from the Workers of each Env in
/// their turns. What finds nothing comes home over the links it went; what does not come home in time is forgotten.
///
/// A request that waits for one of several things is never part of a circle, nor is one at an interleaved Worker that has
/// not begun: it will. The port of a plain thread serves no requests, so nobody waits for one; a thread can wait for a
/// circle, but not in it.
namespace corps::mail {

inline constexpr std::int64_t cycle_wait_ns_min = 20'000'000;  // a younger wait starts no probe
inline constexpr std::int64_t look_within_ns = 2 * cycle_wait_ns_min;
inline constexpr std::int64_t look_pause_ns_max = 8'000'000'000;  // between two looks while nothing new was put aside
inline constexpr std::int64_t probe_lost_ns = 3'000'000'000;      // a probe that is so long in other Envs is not waited for

/// A request was put aside, and no tick is near. In the Worker's turn.
void look_soon(detail::Cell& cell) noexcept;

/// The Worker begins to wait for a call that it made in an earlier turn, or for one of its Tasks.
void wait_began_late(detail::Cell& cell, detail::Request& request) noexcept;

/// Sends a probe if something waits that may be in a circle, and no probe of the Worker is under way.
void look_for_cycles(detail::Cell& cell) noexcept;

}  // namespace corps::mail
