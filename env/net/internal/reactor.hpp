#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "env/host/internal/unique_fd.hpp"

namespace corps::net {

/// The event loop of the I/O thread. The one place that knows Asio.
/// Threads: post(), after() and stop() from any; Descriptor and Timer objects are made, used and destroyed on the thread that
/// runs the loop, or while none does.
class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(Reactor const&) = delete;
  Reactor& operator=(Reactor const&) = delete;

  /// Runs callbacks until stop(). An exception from a callback ends the process: nobody could handle it.
  void run() noexcept;
  void stop();
  /// Runs `work` on the loop's thread, in the order posted. Dropped unrun if the loop stops first.
  void post(std::function<void()> work);
  /// Runs `work` once, not before `delay` has passed. Dropped unrun if the loop stops first.
  void after(std::chrono::nanoseconds delay, std::function<void()> work);

  struct Context;
  Context& context() noexcept { return *context_; }

 private:
  std::unique_ptr<Context> context_;
};

/// Owns a descriptor and waits for it. Each arm_…() asks for one call; a callback runs at once if the descriptor is ready
/// already. Once destroyed, no callback begins; destroying it inside a callback is allowed.
class Descriptor {
 public:
  Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, std::function<void()> on_writable);
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  ~Descriptor();

  int fd() const noexcept;
  void arm_read();
  void arm_write();
  /// Gives the descriptor away: no callback begins any more.
  host::UniqueFd release();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the waits under way
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
  bool running() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace corps::net
