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

}  // namespace caf_bench
