// The jobs that wait in a lane, put in by its thread and taken by others, in every order of their operations.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <caf/resumable.hpp>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "corps/detail/cell.hpp"
#include "test/explore/explorer.hpp"
#include "test/explore/sequence.hpp"

// The real source, on memory that the explorer watches, with a ring that is soon full.
#define CORPS_JOBS_IN_RING 2
#define atomic explored_atomic
#define mutex explored_mutex
#define deque explored_sequence
#include "env/sched/job_queue.cpp"  // NOLINT: that is the point
#undef deque
#undef mutex
#undef atomic

namespace job_queue_explore {

using corps::sched::JobQueue;
using explore::the;

constexpr std::size_t jobs_max = 6;

/// What the threads do, one letter an operation.
///   p  the lane's thread puts a job in, and looks whether somebody sleeps
///   s  puts two in at once
///   o  takes the oldest
///   f  a thread of another lane brings a job, and looks whether somebody sleeps
///   t  takes the oldest
///   h  takes the older half, two at most
///   z  goes to sleep unless it finds a job: then, at the end, either it saw one, or it was seen
struct Program {
  std::string lane;
  std::array<std::string, 2> others;
};

struct World {
  alignas(JobQueue) std::byte memory[sizeof(JobQueue)];
  alignas(8) std::byte jobs[jobs_max][sizeof(corps::detail::Cell)];
  std::int8_t taken[jobs_max];
  std::int8_t made;
  explore::Atomic<bool> sleeps{false};
  bool seen_asleep;

  JobQueue& queue() { return *std::launder(reinterpret_cast<JobQueue*>(memory)); }
  caf::resumable* make() { return reinterpret_cast<caf::resumable*>(jobs[made++]); }
  std::size_t number_of(caf::resumable* job) {
    return static_cast<std::size_t>(reinterpret_cast<std::byte*>(job) - jobs[0]) / sizeof(jobs[0]);
  }
  void take(caf::resumable* job) {
    if (job != nullptr && ++taken[number_of(job)] > 1) the().fail("a job is taken twice");
  }
};

World world;

void look_for_sleeper() {
  if (world.sleeps.load()) world.seen_asleep = true;
}

void run(std::string const& operations) {
  auto& queue = world.queue();
  for (auto const each : operations) {
    std::array<caf::resumable*, 2> some{};
    switch (each) {
      case 'p':
        queue.push(world.make());
        look_for_sleeper();
        break;
      case 's':
        for (auto& job : some) job = world.make();
        queue.push(some);
        look_for_sleeper();
        break;
      case 'o': world.take(queue.pop()); break;
      case 'f':
        queue.push_behind(world.make());
        look_for_sleeper();
        break;
      case 't': world.take(queue.take()); break;
      case 'h':
        for (std::size_t const count = queue.take_half(some); auto* const job : std::span{some}.first(count)) world.take(job);
        break;
      case 'z':
        world.sleeps.store(true);
        if (!queue.empty()) world.seen_asleep = true;
        break;
      default: break;
    }
  }
}

void check() {
  auto const all_taken = [] {
    return std::all_of(world.taken, world.taken + world.made, [](std::int8_t times) { return times == 1; });
  };
  if (world.sleeps.now() && !world.seen_asleep && !all_taken()) the().fail("a job waits, and who sleeps was not seen");
  while (auto* const job = world.queue().pop()) world.take(job);
  if (!all_taken()) the().fail("a job is lost");
  if (!world.queue().empty() || world.queue().count() != 0) the().fail("an empty queue says that it is not");
}

void explore_program(Program const& program) {
  std::vector<explore::Explorer::Body> threads{[&] { run(program.lane); }};
  for (auto const& other : program.others)
    if (!other.empty()) threads.emplace_back([&] { run(other); });
  auto const start = [] {
    std::memset(static_cast<void*>(&world), 0, sizeof(world));
    new (world.memory) JobQueue;
  };
  auto const result = the().run({std::as_writable_bytes(std::span{&world, 1})}, start, threads, check, {.servers = 0});
  CAPTURE(program.lane);
  CAPTURE(program.others[0]);
  CAPTURE(program.others[1]);
  REQUIRE_MESSAGE(result.failure.empty(), result.failure);
  CHECK(result.states > 20);
}

TEST_CASE("each job is taken once, whoever takes while its lane puts in and takes") {
  explore_program({"ppp", {"tth", "hht"}});
  explore_program({"pop", {"tht", "hth"}});
  explore_program({"sop", {"hhh", "ttt"}});
  explore_program({"spo", {"tth", "h"}});
}

TEST_CASE("a ring that is full, and what waits behind it, lose nothing") {
  explore_program({"ppppo", {"hh", "t"}});
  explore_program({"ssoo", {"th", ""}});
  explore_program({"ppoopo", {"h", "t"}});
}

TEST_CASE("what others bring waits behind, and moves up once") {
  explore_program({"poo", {"fft", "hh"}});
  explore_program({"oop", {"fff", "tht"}});
  explore_program({"oso", {"ff", "th"}});
}

TEST_CASE("who goes to sleep sees what was brought before, or is seen") {
  explore_program({"ppp", {"z", "h"}});
  explore_program({"poo", {"z", "ff"}});
  explore_program({"oo", {"z", "fff"}});
  explore_program({"so", {"z", "fth"}});
}

TEST_CASE("jobs come out in the order in which they went in, over the end of the ring too") {
  std::memset(static_cast<void*>(&world), 0, sizeof(world));
  auto& queue = *new (world.memory) JobQueue;
  std::vector<std::size_t> order;
  for (int n = 0; n < 3; ++n) queue.push(world.make());
  queue.push_behind(world.make());
  order.push_back(world.number_of(queue.pop()));
  queue.push(world.make());
  while (auto* const job = queue.pop()) order.push_back(world.number_of(job));
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

}  // namespace job_queue_explore
