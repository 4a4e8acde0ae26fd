#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "corps/address.hpp"
#include "env/mgr/internal/env_table.hpp"

/// What Envs tell each other to run the Corps: the bodies of control frames. They are handled on the I/O thread, so that
/// no Worker that is stuck can hold them up.
namespace corps::mgr {

/// To Env 0: this Env serves now.
struct Ready {
  std::vector<std::string> endpoints;
};

/// From Env 0: the Envs of the Corps.
struct Table {
  std::vector<EnvRow> rows;
};

/// To Env 0: this Env has the table. The front is made when all have: so no Env meets another that it has not heard of.
struct TableTaken {};

/// To Env 0: somebody called corps::stop.
struct StopRequest {
  std::int32_t exit_code = 0;
};

/// From Env 0: end, within the time given.
struct StopOrder {
  std::int64_t limit_ns = 0;
};

/// A Worker of the receiver's is asked to end, by another Worker or a thread.
struct ExitOrder {
  std::uint64_t conc = 0;
  ConcAddr by;
};

using Control = std::variant<Ready, Table, TableTaken, StopRequest, StopOrder, ExitOrder>;

}  // namespace corps::mgr
