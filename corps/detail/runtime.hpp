#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/error.hpp"

/// What corps/ asks of the process it runs in: declared here, defined in env/. None of it is on the way of a call
/// between two Workers of one Env, but for `self` and `current_cell`.
namespace corps {
class Config;
}

namespace corps::detail {

/// The Worker whose turn this thread runs; null on a plain thread that made no call yet.
extern constinit thread_local Cell* current_cell;

/// Gives a plain thread its port: a mailbox of its own, closed when the thread ends.
Cell& make_port();

/// The Worker, or the port, on whose behalf this thread makes calls.
inline Cell& self() { return current_cell != nullptr ? *current_cell : make_port(); }

/// What every call looks at, set once when the process starts.
struct EnvFacts {
  EnvId env = 0;
  std::int64_t request_timeout_ns = 60'000'000'000;  // limits.request_timeout
  std::uint32_t open_calls_max = 10'000;             // limits.open_calls_per_worker
  std::uint32_t mailbox_max = 100'000;               // limits.mailbox
  std::uint32_t mailbox_unit_bytes = 671;            // limits.mailbox_bytes / limits.mailbox, at least 1
  std::uint32_t timers_max = 4'000'000;              // limits.timers
  std::uint32_t ext_envs_max = 10'000;               // limits.ext_envs
};
extern EnvFacts env_facts;

/// A mailbox went from idle to not idle.
[[gnu::hot]] void schedule(Cell& cell) noexcept;

/// Does with a request that was not put into the mailbox what the class of the Worker says, or ends it. Takes it over.
void overflow(Request& request, Cell* cell, ConcAddr to) noexcept;

/// The same for a request that wants no answer. On a plain thread waits for room. Null: it was taken over.
Request* no_room(Request& tell, std::int64_t limit_ns) noexcept;

/// The cell of the Worker, or port, with this id; null if it has ended, or never was.
Cell* find(ConcId id) noexcept;

/// The same, for whoever may know the cell: `known` is null, or the cell it had. That may be the next one's by now, whose room is
/// not for what was meant for another. It may become so afterwards too: whoever takes an envelope out of a mailbox compares
/// its target as well.
inline Cell* home_of(ConcId id, Cell* known) noexcept {
  if (known == nullptr) return find(id);
  return known->id.load(std::memory_order_relaxed) == id ? known : nullptr;
}

/// Begins a new Worker of this Env with the request that constructs it, and takes that over. `fixed` is none, or an id
/// that means the same in every Env. The request ends with Overloaded when the Env holds `slots_max` Workers, with Refused
/// when the Env is stopping.
void begin_worker(Request& construct, ConcId fixed = ConcId::none) noexcept;

/// Sends a request to another Env and takes it over; it always comes home.
void route(std::unique_ptr<Request> request, EnvId env) noexcept;

/// Asks the deadline clock to send the tick of the cell, not later than the time given.
void arm(Cell& cell, std::int64_t at_ns) noexcept;

/// Asks a Worker to end. Does nothing if it is gone.
void exit_worker(ConcAddr address);

/// The Envs of this Corps that are up, this one included, in order.
std::vector<EnvId> live_envs();

/// An error that no Future will ever show to anybody: counted and logged.
void lost_error(Request const& request, ErrorInfo const& error) noexcept;

Config const& app_config() noexcept;

/// Starts the orderly end of the whole Corps. Any thread, any Env.
void stop_corps(int exit_code) noexcept;

/// What run and boot need to know of an application.
struct AppRecord;
int run_app(AppRecord const& app, int argc, char** argv) noexcept;

}  // namespace corps::detail
