#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "corps/address.hpp"

/// What the Workers of this Env do, as seen without stopping them.
namespace corps::mail {

inline constexpr std::size_t census_workers_max = 10'000;  // asked
inline constexpr std::size_t census_requests_max = 64;     // told by each
inline constexpr std::size_t census_calls_max = 100;       // told by each, the oldest

/// Something that a request waits for, or a call that is open. `id` finds it again at the Worker it was sent to.
struct CallSeen {
  std::uint64_t id = 0;
  std::uint64_t by = 0;  // the request on whose behalf; 0: none, as on a plain thread
  std::string method;
  ConcAddr target;
  std::int64_t since_ns = 0;
  bool awaited = false;
  bool blocks = false;  // in get()
  bool begun = false;   // by its target
};

struct RequestSeen {
  std::uint64_t id = 0;
  std::string method;
  bool counted = false;  // it keeps its Worker busy
};

struct WorkerSeen {
  ConcAddr address;
  bool is_thread = false;  // the port of a plain thread
  bool answered = false;   // else only `runs`, `open_calls` and `mailbox` are known
  std::string cls{};
  std::string tag{};
  std::string runs{};  // the method that runs at this moment
  std::uint32_t open_calls = 0;
  std::size_t mailbox = 0;              // requests that were sent to it and not begun; units of room if it did not answer
  std::vector<RequestSeen> requests{};  // that it has begun and not ended
  std::vector<CallSeen> calls{};        // that it waits for, or has open
};

struct Census {
  std::vector<WorkerSeen> workers;  // those that do anything, or wait
  std::size_t idle = 0;
  std::size_t not_asked = 0;  // past census_workers_max
};

/// Asks every Worker that is not idle by an urgent message, and waits at most `limit_ns` for the answers. Not in a Worker's turn.
Census take_census(std::int64_t limit_ns);

}  // namespace corps::mail
