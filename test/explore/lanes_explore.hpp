#pragma once

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <caf/resumable.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "test/explore/explorer.hpp"
#include "test/explore/futex.hpp"
#include "test/explore/sequence.hpp"

// The real sources, on memory that the explorer watches.
#ifndef CORPS_JOBS_IN_RING
#define CORPS_JOBS_IN_RING 0  // what may happen at a ring: job_queue_explore.cpp
#endif
#define atomic explored_atomic
#define mutex explored_mutex
#define deque explored_sequence
#define vector explored_sequence
#define syscall explore::futex_call
#include "env/host/futex.cpp"       // NOLINT
#include "env/sched/job_queue.cpp"  // NOLINT: that is the point
#include "env/sched/lanes.cpp"      // NOLINT
// After it, as both have names of their own:
#include "env/sched/bell.cpp"  // NOLINT
#undef syscall
#undef vector
#undef deque
#undef mutex
#undef atomic

namespace corps::detail {
std::int64_t now_ns() noexcept { return explore::kernel.clock(); }
std::int64_t recent_now_ns() noexcept { return now_ns(); }
std::int64_t last_recent_now_ns() noexcept { return now_ns(); }
}  // namespace corps::detail

/// The lanes of the scheduler and the threads that sleep at them, in every order of their operations.
namespace lanes_explore {

using corps::sched::Lane;
using corps::sched::Lanes;
using explore::Explorer;
using explore::the;

/// What a job does in its turn.
///   e  ends
///   a  wants another turn, once
///   n  wakes the next job of its program, and ends
///   l  takes long: until every job of the program has begun
///   w  wakes the next one, then takes long
///   b  wakes the next one, then blocks, having given away what waits behind it, until every job has begun
struct Job {
  char does;
  bool runs;
  std::int8_t turns;
};

inline bool wakes_next(char does) { return does == 'n' || does == 'w' || does == 'b'; }
inline bool takes_long(char does) { return does == 'l' || does == 'w' || does == 'b'; }

constexpr std::size_t jobs_max = 4;

/// Who makes which jobs. In all at most `Explorer::threads_max` threads; of the jobs that take long, so few that the others are
/// served meanwhile.
struct Program {
  std::vector<std::string> outside = {};  // each by a thread without a lane
  std::size_t threads = 1;                // with a lane each, which serve
  std::string slot = {};                  // one job, in the slot of a further lane whose thread never comes back to it
  std::string queue = {};                 // those in that lane's queue
  bool last_retires = false;  // the last of those that serve is a spare one: the second time it looks, it is not needed
  bool closes = false;        // the first from outside closes the lanes in the end
  bool has_door = false;      // one of the threads without work waits there, and not at its bell
  bool visits = false;        // and looks there before each turn
  std::uint64_t turns = 0;    // that each of those that serve has had: 0 or 64 looks for stuck ones next, 1024 shares first
  bool keeps = false;         // each lane keeps the last job that its own thread has put into its ring
  bool expires = false;       // a lane stops to keep it at any time
  bool rests = false;         // each sleep was a long one: no thread looks around before the next
};

inline std::string as_text(Program const& program) {
  std::string text;
  for (auto const& each : program.outside) text += "outside " + each + ' ';
  return text + "threads " + std::to_string(program.threads) + " slot " + program.slot + " queue " + program.queue;
}

/// Where nothing ever comes but interruptions.
struct Door final : corps::sched::Outside {
  bool enter() noexcept override {
    the().point();
    return !std::exchange(taken, true);
  }
  void expect() noexcept override {}
  void sleep() noexcept override {
    the().point([this] { return whistled; });
    whistled = false;
  }
  void interrupt() noexcept override {
    the().point();
    whistled = true;
  }
  void serve_and_leave() noexcept override {
    the().point();
    taken = false;
  }
  void look() noexcept override { the().point(); }
  void hand_over() noexcept override {}

  bool taken = false;
  bool whistled = false;
};

struct World {
  alignas(Door) std::byte door_memory[sizeof(Door)];
  alignas(Lanes) std::byte lanes_memory[sizeof(Lanes)];
  Job jobs[jobs_max];
  std::size_t job_count;
  int looks_of_spare;  // whether to retire
  bool stopping;

  Lanes& lanes() { return *std::launder(reinterpret_cast<Lanes*>(lanes_memory)); }

  /// The number of the first of these jobs.
  std::size_t add(std::string const& does) {
    for (auto const each : does) jobs[job_count++].does = each;
    return job_count - does.size();
  }
  caf::resumable* handle(std::size_t job) { return reinterpret_cast<caf::resumable*>(&jobs[job]); }
  bool all_begun() const {
    return std::all_of(jobs, jobs + job_count, [](Job const& job) { return job.turns > 0; });
  }
};

inline World world;

/// A turn on the thread of this lane.
inline void run(Lane& lane, caf::resumable* handle) {
  auto& job = *reinterpret_cast<Job*>(handle);
  if (job.runs) the().fail("a job runs on two threads");
  job.runs = true;
  ++job.turns;
  auto& lanes = world.lanes();
  if (wakes_next(job.does)) lanes.push_next(lane, reinterpret_cast<caf::resumable*>(&job + 1));
  if (job.does == 'b') lanes.give_away(lane);
  if (takes_long(job.does)) the().point([] { return world.all_begun(); });
  job.runs = false;
  if (job.does == 'a' && job.turns == 1) lanes.push_again(lane, handle);
}

inline void serve(std::size_t index, bool is_spare) {
  auto& lane = world.lanes()[index];
  auto const retire = [is_spare] { return world.stopping || (is_spare && ++world.looks_of_spare == 2); };
  while (auto* const job = world.lanes().pop(lane, retire)) run(lane, job);
}

inline void push(std::string const& does, std::size_t first, bool closes) {
  for (std::size_t n = 0; n < does.size(); ++n)
    if (n == 0 || !wakes_next(does[n - 1])) world.lanes().push_anywhere(world.handle(first + n));
  if (!closes) return;
  world.stopping = true;
  world.lanes().close();
}

inline void check_all_done() {
  while (auto* const left_over = world.lanes().take_left_over()) {
    if (!world.stopping) the().fail("a job waits, and everybody sleeps");
    ++reinterpret_cast<Job*>(left_over)->turns;
  }
  for (std::size_t n = 0; n < world.job_count; ++n) {
    auto const& job = world.jobs[n];
    if (job.turns != (job.does == 'a' ? 2 : 1)) the().fail("a job is lost, or runs once more than wanted");
  }
}

inline void start(Program const& program, std::size_t lane_count) {
  std::memset(static_cast<void*>(&world), 0, sizeof(world));
  explore::kernel = {};
  auto& lanes = *new (world.lanes_memory) Lanes(lane_count, {.searches_before_parking = 1,
                                                             .quiet_looks_max = 1,
                                                             .rest_ns = program.rests ? 0 : 200'000,
                                                             .visit_ns = program.visits ? -1 : corps::detail::never_ns});
  lanes.set_primary(program.last_retires ? lane_count - 1 : lane_count);
  lanes.set_used(lane_count);
  if (program.has_door) lanes.set_outside({std::shared_ptr<void>{}, new (world.door_memory) Door});  // which owns nothing
  if (program.last_retires) lanes[lane_count - 1].sleep_max = std::chrono::seconds{1};
  for (auto const& each : program.outside) world.add(each);
  for (std::size_t n = 0; n < program.threads; ++n) lanes[lane_count - 1 - n].turns.store(program.turns);
  if (lane_count > program.threads) lanes[0].turns.store(1);
  for (std::size_t n = 0; program.keeps && n < lane_count; ++n)
    lanes[n].keeps_last_until_ns.store(std::numeric_limits<std::int64_t>::max());
  for (auto const each : program.queue) lanes.push(lanes[0], world.handle(world.add({each})));
  if (!program.slot.empty()) lanes.push_next(lanes[0], world.handle(world.add(program.slot)));
}

inline void explore_program(Program const& program, int timeouts_each = 1) {
  auto const stuck_lanes = std::size_t{!program.slot.empty() || !program.queue.empty()};
  std::vector<Explorer::Body> threads;
  std::size_t first_job = 0;
  for (auto const& does : program.outside) {
    threads.emplace_back([&, first_job, closes = program.closes && first_job == 0] { push(does, first_job, closes); });
    first_job += does.size();
  }
  if (program.expires) threads.emplace_back([&] { world.lanes()[0].keeps_last_until_ns.store(0, std::memory_order_relaxed); });
  for (std::size_t n = 0; n < program.threads; ++n)
    threads.emplace_back([&, n] { serve(stuck_lanes + n, program.last_retires && n + 1 == program.threads); });
  auto const result =
      the().run({std::as_writable_bytes(std::span{&world, 1}), std::as_writable_bytes(std::span{&explore::kernel, 1})},
                [&] { start(program, stuck_lanes + program.threads); }, threads, check_all_done,
                {.servers = program.closes ? 0 : program.threads, .timeouts_each = timeouts_each, .timeouts_when_all_wait = 6});
  CAPTURE(as_text(program));
  REQUIRE_MESSAGE(result.failure.empty(), result.failure);
  CHECK(result.states > 50);
}

inline bool in_full() { return std::getenv("TEST_FULL") != nullptr; }

}  // namespace lanes_explore
