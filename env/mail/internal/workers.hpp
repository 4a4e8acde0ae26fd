#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/registry.hpp"

/// How Workers of this Env begin and end.
namespace corps::mail {

/// The last turn of a Worker: its suspended methods are destroyed, then its object; whoever still waits for it learns
/// WorkerLost. The cell goes back to the slab. In the Worker's own turn.
void end_worker(detail::Cell& cell) noexcept;

/// The same for the port of a plain thread, on that thread.
void close_port(detail::Cell& cell) noexcept;

/// From now on no Worker is made in this Env (Refused).
void close_gate() noexcept;
void open_gate() noexcept;

/// Asks every Worker of this Env to end.
void exit_all() noexcept;

/// Asks one Worker of this Env to end, if it is still there.
void exit_worker(ConcId id, ConcAddr by);

/// Waits, once the gate is closed, until every Worker of this Env has ended; false if the limit came first.
bool wait_until_all_ended(std::chrono::nanoseconds limit);

/// What Cell::doing says while a Worker runs a Task that no request began.
extern constinit detail::MethodRecord const own_task;

/// One line for each Worker that has not ended and runs something: "Class (tag) at env 2, conc 17.1 runs Class::method".
std::vector<std::string> busy_workers();

}  // namespace corps::mail
