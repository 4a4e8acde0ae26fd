#pragma once

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <cstdint>

#include "test/bench/measure.hpp"

/// The rows of CAF's program. Actors are dynamically typed and derive from event_based_actor: what they send needs no check at
/// run time that typed ones would save. Nothing has a time limit, mailboxes are unbounded, and nothing is watched.
namespace caf_bench {

using go_atom = caf::atom_constant<caf::atom("go")>;
using get_atom = caf::atom_constant<caf::atom("get")>;

/// The actor system of this program.
caf::actor_system& system();
/// The configuration of each process.
void configure(caf::actor_system_config& config);
/// The rows of links have another one, which begins before this one has a second thread.
void start_other_process();
void end_other_process();

void request_answer();
void blocking_call();
void blocking_call_gaps();
void tell_1_1();
void tell_8_1();
void ring();
void fork_join();
void idle();
void big();
void counting();
void chameneos();
void await_two();
void fan_out();
void fan_out_busy();
void start_delay();
void stream();
void link_round_trip();
void link_round_trip_quiet();
void link_pipelined_64();
void link_pipelined_1k();
void link_large();
void link_load();

}  // namespace caf_bench
