#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "env/mail/internal/census.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/sched/internal/scheduler.hpp"
#include "env/sched/internal/turn_note.hpp"

/// What an Env does at one moment, for people and for programs.
namespace corps::mgr {

inline constexpr std::int64_t dump_wait_ns = 100'000'000;  // for the answers of the Workers
inline constexpr std::size_t dump_workers_max = 1'000;     // printed
inline constexpr std::size_t dump_calls_max = 20;          // the oldest, printed with their chains
inline constexpr std::size_t dump_chain_max = 32;          // links of one chain

struct Dump {
  std::string name;  // of the Corps
  EnvId env = 0;
  int process = 0;
  std::string time;
  std::int64_t now_ns = 0;
  mail::Census census;
  std::uint64_t lost_errors = 0;
  std::array<std::uint64_t, mail::dead_letter_kinds> dead_letters{};
  sched::ThreadCounts threads;
  std::vector<sched::TurnSeen> turns;
};

/// The local time, for people.
std::string time_text();

/// Waits for the Workers' answers. Not in a Worker's turn, nor on the I/O thread.
Dump take_dump(std::string name);

std::string as_text(Dump const& dump);
std::string as_json(Dump const& dump);

}  // namespace corps::mgr
