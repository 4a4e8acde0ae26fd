#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/sched/internal/simulation.hpp"

namespace corps::test {

/// One real thread of the twin: a plain one of the test, or one that runs turns of Workers.
struct Strand {
  enum class State {
    running,  // has the baton
    ready,    // could go on
    asleep,   // until `is_so`, or the time has come
    settles,  // until nobody else can run
    idle,     // of Workers: waits for a turn to run
    ended,
  };
  std::string name;
  bool runs_workers = false;
  State state = State::ready;
  std::function<bool()> is_so;
  std::int64_t until_ns = detail::never_ns;
  detail::Cell const* at = nullptr;  // the mailbox at which it sleeps
  detail::Cell* job = nullptr;       // whose turn it runs
  bool stuck = false;
  std::binary_semaphore go{0};
  std::exception_ptr failure;
  std::thread thread;
};

/// Who has the baton runs; all others stand still. Whoever waits or ends a step hands it on, to one of all that could run then,
/// chosen by the seed: a thread that can go on, a Worker with something in its mailbox, a deadline that has come. When there are
/// none, the clock goes on to the next deadline.
/// Threads: only the one with the baton calls, and those outside while none has it.
class Baton final : public sched::Simulation {
 public:
  Baton(std::uint64_t seed, std::int64_t turn_takes_max_ns);
  ~Baton();

  /// Runs `body` on the first thread; returns when that has ended.
  void run_first(std::string name, std::function<void()> body);
  /// A plain thread more.
  void add(std::string name, std::function<void()> body);
  /// Waits until all plain threads but the first and the calling one have ended.
  void join();
  /// What the first thread threw; else what the first of the others threw that threw.
  std::exception_ptr failure() const;
  /// Hands the baton on and sleeps until it is so or the time has come; false for the latter. Throws Stuck.
  bool wait_until(std::function<bool()> is_so, std::int64_t until_ns, detail::Cell const* at = nullptr);
  /// Hands the baton on until nobody else can run.
  void settle();
  std::int64_t deadline_after(std::int64_t limit_ns) const noexcept;
  std::uint64_t random(std::uint64_t bound);
  std::uint64_t trace() const noexcept { return trace_; }

  // sched::Simulation
  void start(std::size_t spare_max) noexcept override { spare_max_ = spare_max; }
  std::int64_t now_ns() noexcept override { return now_ns_; }
  void enqueue(detail::Cell& cell) noexcept override;
  int requests_per_turn() noexcept override;
  void arm(detail::Cell& cell, std::int64_t at_ns) override;
  void forget(detail::Cell& cell) noexcept override;
  void sleep(detail::Cell& cell, std::int64_t until_ns) override;
  void signalled() noexcept override { maybe_preempt(); }
  bool wait(bool (*is_so)(), std::int64_t limit_ns) override;
  void block() override;
  void unblock() noexcept override;
  void pause() noexcept override { maybe_preempt(); }

 private:
  struct Choice {
    Strand* strand = nullptr;     // goes on
    std::size_t worker = 0;       // or: a place in workers_, whose turn begins
    detail::Cell* due = nullptr;  // or: a Worker whose deadline has come
    bool alarm = false;           // or: the Env's clock, whose next alarm is due
  };
  struct EndOfThread;

  Strand& begin(std::string name, bool runs_workers, std::function<void()> body);
  void run_workers(Strand& me);
  Strand& thread_for_turn(Strand& me);
  void hand_on(Strand& me);
  void give_to(Strand& next, Strand& me);
  void maybe_preempt() noexcept;
  Choice choose();
  void collect();
  bool advance_clock();
  void wake_all_stuck();
  std::string report() const;
  void note(std::uint64_t what) noexcept { trace_ = (trace_ ^ what) * 1'099'511'628'211U; }

  std::mt19937_64 random_;
  std::uint64_t trace_ = 14'695'981'039'346'656'037U;
  std::int64_t now_ns_;
  std::int64_t turn_takes_max_ns_;
  std::size_t lanes_;        // turns that may be in progress at a time
  std::size_t in_turn_ = 0;  // and that are, but for those that block
  std::size_t blocked_ = 0;
  std::size_t spare_max_ = 0;
  bool choosing_ = false;
  bool closing_ = false;
  std::string report_;  // of who waits for what, when all do
  std::deque<Strand> strands_;
  std::vector<detail::Cell*> workers_;                             // with something in their mailboxes
  std::vector<std::pair<std::int64_t, detail::Cell*>> deadlines_;  // in the order of arming
  std::vector<Choice> choices_;
};

}  // namespace corps::test
