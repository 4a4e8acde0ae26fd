#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/spin.hpp"
#include "env/sched/internal/outside.hpp"

namespace corps::mail {
class DeadlineClock;
}

namespace corps::net {

/// When, and which of those.
using AlarmKey = std::pair<std::int64_t, std::uint64_t>;

/// The event loop of an Env: descriptors, timers, and work that is posted. One thread at a time runs it: the one in run(), or a
/// visitor without work of its own. "The loop's thread" means whichever does.
/// Threads: post(), after() and stop() from any; Descriptor and Timer objects are made, used and destroyed on the loop's thread,
/// or while none runs it.
class Reactor {
 public:
  /// A visitor looks for so long before it sleeps, where that pays (Spin). Throws std::system_error if the process has no
  /// descriptors left.
  explicit Reactor(std::chrono::nanoseconds spin = Spin::budget_default);
  ~Reactor();
  Reactor(Reactor const&) = delete;
  Reactor& operator=(Reactor const&) = delete;

  /// Runs callbacks until stop(), or sleeps while visitors do. An exception from a callback ends the process: nobody could handle
  /// it.
  void run() noexcept;
  void stop();
  /// Runs `work` on the loop's thread, in the order posted. Dropped unrun if the loop stops first.
  void post(std::function<void()> work);
  /// Runs `work` once, not before `delay` has passed. Dropped unrun if the loop stops first.
  void after(std::chrono::nanoseconds delay, std::function<void()> work);

  /// For threads without work, for as long as somebody keeps it: after stop(), enter() always says no.
  std::shared_ptr<sched::Outside> outside();
  /// Whether it is worth it for them. Threads: the loop's.
  void admit_visitors(bool admitted) noexcept;

  /// Does what is due there from now on; until stop() it must outlive this. Once.
  void keep(mail::DeadlineClock& clock) noexcept;
  /// To be called by the clock when something is due sooner than what it knew of; it may outlive this. Never blocks.
  std::function<void(std::int64_t due_ns)> waker();

  class Loop;
  std::shared_ptr<Loop> const& loop() noexcept { return loop_; }

 private:
  std::shared_ptr<Loop> loop_;
};

/// What memory shows of a descriptor before the kernel does. The descriptor is an eventfd that nobody reads: each write to it is
/// an event, and need not be as long as the loop looks by itself. Threads: the loop's.
class Sign {
 public:
  /// Whether there is something to read. Looked at again and again: it is to be short.
  virtual bool has_come() const noexcept = 0;
  /// The loop looks no more: from now on the descriptor tells. False: there is something already.
  virtual bool leave_to_kernel() noexcept = 0;

 protected:
  ~Sign() = default;
};

/// Owns a descriptor and waits for it. Each arm_…() asks for one call; a callback runs soon if the descriptor is ready already.
/// Once destroyed, no callback begins; destroying it inside a callback is allowed.
class Descriptor {
 public:
  /// Throws std::system_error if it cannot be waited for.
  Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, std::function<void()> on_writable);
  /// With a sign, which must outlive it.
  Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, Sign& sign);
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  ~Descriptor();

  int fd() const noexcept;
  void arm_read();
  void arm_write();
  /// Gives the descriptor away: no callback begins any more.
  host::UniqueFd release();

  struct State;

 private:
  std::shared_ptr<Reactor::Loop> loop_;
  std::shared_ptr<State> state_;  // shared with the loop while it calls back
};

/// One alarm at a time. Once destroyed or cancelled, the callback does not begin.
class Timer {
 public:
  explicit Timer(Reactor& reactor);
  Timer(Timer const&) = delete;
  Timer& operator=(Timer const&) = delete;
  ~Timer();

  /// Calls `work` once after `delay`; an alarm that was set before is cancelled.
  void start(std::chrono::nanoseconds delay, std::function<void()> work);
  void cancel();
  bool running() const noexcept { return key_.has_value(); }

 private:
  std::shared_ptr<Reactor::Loop> loop_;
  std::optional<AlarmKey> key_;
};

}  // namespace corps::net
