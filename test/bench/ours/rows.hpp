#pragma once

#include <chrono>
#include <corps/corps.hpp>
#include <cstdint>

#include "test/bench/measure.hpp"

/// Each function measures one row, or several at once, and reports them. They run on the main thread of a booted Corps.
namespace ours {

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
void envs();

/// How long the Corps took from nothing to being up.
inline std::int64_t boot_ns = 0;

/// The limit of the one call that a whole measurement is; the calls within have the default limits.
inline constexpr std::chrono::minutes whole_run{5};

}  // namespace ours
