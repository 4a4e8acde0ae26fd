#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

/// The deterministic twin of an Env, for tests: one thread runs at a time, time is virtual, and a seed decides the order of all
/// that has no promised order. Everything else is the real thing: mailboxes, requests, deadlines, Futures.
namespace corps::test {

/// Everybody waits, and nothing is left that could happen. The text says who waits for what.
class Stuck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct TwinOptions {
  std::vector<std::string> settings;           // "key=value", as for corps::boot
  std::chrono::nanoseconds turn_takes_max{0};  // a turn takes up to so long, by the seed; 0: time stands still while anybody runs
};

/// A Corps of one Env whose threads and clock follow a seed: the same seed, the same run.
///
///   corps::test::Twin twin{seed};
///   twin.run([&] {                                            // as on a plain thread
///     auto worker = corps::create<Worker>(corps::here()).get();
///     auto late = worker.within(5ms).call<&Worker::slow>();
///     twin.advance(6ms);
///     ...
///   });
///
/// Time goes on when nobody can run, straight to the next deadline. A thread is put aside in favour of another, if the seed says
/// so, whenever it wakes a Worker, and where it waits for a Future. So tests under the twin wait for Futures and use `until`;
/// they must not wait for anything that the twin does not know, such as a mutex held across a call, or a condition variable.
///
/// Threads: `run` on a thread outside of the twin; all others on the threads that `run` and `thread` start, and in methods of
/// Workers. One Twin runs at a time in a process, and no other Corps beside it.
class Twin {
 public:
  explicit Twin(std::uint64_t seed, TwinOptions options = {});
  ~Twin();
  Twin(Twin const&) = delete;
  Twin& operator=(Twin const&) = delete;

  /// Boots a Corps, runs `body` on a thread of its own, waits for the threads that it started, and stops the Corps. Throws what
  /// `body`, or the first of those threads, threw; Stuck where all wait for ever. Once.
  void run(std::function<void()> body);

  /// Starts one more plain thread; its name is for reports.
  void thread(std::string name, std::function<void()> body);
  /// Waits until all threads begun with `thread` have ended.
  void join();
  /// Lets so much time go by, and all that happens meanwhile, and then until all is quiet.
  void advance(std::chrono::nanoseconds by);
  /// Waits until nobody can run at this moment of time.
  void settle();
  /// Waits until it is so; false if the limit came first. `is_so` is asked often, on any thread, and must not call anybody.
  bool until(std::function<bool()> is_so, std::chrono::nanoseconds limit = std::chrono::nanoseconds::max());
  /// Stops the Corps before `run` does; its exit code.
  int stop();

  /// Since the run began.
  std::chrono::nanoseconds now() const noexcept;
  /// Less than `bound`, by the seed: for choices of the test itself.
  std::uint64_t random(std::uint64_t bound);
  std::uint64_t seed() const noexcept;
  /// What was chosen so far, as a number: the same in each run of the seed.
  std::uint64_t trace() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs `body` with the seeds 1 to `count`, or to TEST_SEEDS if that is set, each with a Twin of its own; with TEST_SEED=n only
/// with that one. Stops at the first seed for which `body` throws or returns false, and says on stderr, before anything else,
/// which one it was and how to run it alone. Returns false then, or throws what `body` threw.
bool for_seeds(unsigned count, std::function<bool(Twin&)> const& body, TwinOptions const& options = {});

}  // namespace corps::test
