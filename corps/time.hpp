#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "corps/detail/timer.hpp"
#include "corps/future.hpp"
#include "corps/name.hpp"

/// Time as the Env counts it: a clock that never goes back, with a resolution of 1 ms. What is due is never early, and late by
/// 2 ms at most while the Env is not overloaded. At most `limits.timers` of all kinds wait in an Env; one more is Overloaded.
namespace corps {

/// The Env's time. Any thread.
inline std::chrono::steady_clock::time_point now() noexcept {
  return std::chrono::steady_clock::time_point{std::chrono::nanoseconds{detail::now_ns()}};
}

/// Ends when the time has passed: `co_await corps::sleep_for(10ms)`; a plain thread says `.get()`. A time that is not positive
/// ends at once. Asleep in a request, it ends with Timeout when the request's deadline comes first: what nobody waits for any
/// more does not sleep on. Dropping the Future ends it without a trace. It is no open call: a Worker that has as many of these as
/// it may have can still sleep. Any thread; Refused where no Env runs.
Future<void> sleep_for(std::chrono::nanoseconds time);
/// The same until a point of `corps::now()`.
Future<void> sleep_until(std::chrono::steady_clock::time_point time);

/// What `after` and `every` return: while it lives, the timer does. Dropping it stops the timer; a run that has begun goes on.
/// Threads: a timer of a method may be stopped on any thread; one of a function belongs to the Worker that made it.
class [[nodiscard("dropping a Timer stops it; call detach() to let it go on")]] Timer {
 public:
  Timer() noexcept = default;
  explicit Timer(detail::TimerState & state) noexcept : state_(&state) {}
  Timer(Timer && other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Timer& operator=(Timer&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Timer() { cancel(); }

  /// Stops the timer: it does not begin anything any more. Does nothing if there is none.
  void cancel() noexcept {
    if (state_ == nullptr) return;
    state_->stop();
    std::exchange(state_, nullptr)->let_go();
  }
  /// Lets the timer go on without a handle, until the Worker (or thread) whose turn this is ends.
  void detach() noexcept {
    if (state_ != nullptr) std::exchange(state_, nullptr)->detach();
  }
  /// How often it was time, and nothing was begun because the last run had not ended, or the Env was late.
  std::uint64_t skipped() const noexcept { return state_ == nullptr ? 0 : state_->skipped(); }
  /// Whether there is a timer: not moved from, cancelled or detached. It may have rung.
  bool valid() const noexcept { return state_ != nullptr; }

 private:
  detail::TimerState* state_ = nullptr;
};

namespace detail {

template <class State, class... A>
Timer make_timer(std::chrono::nanoseconds delay, std::chrono::nanoseconds period, A&&... args) {
  auto state = std::make_unique<State>(period.count(), std::forward<A>(args)...);
  state->start(delay.count());
  return Timer{*state.release()};
}

/// Throws std::invalid_argument for a period under 1 ms.
std::chrono::nanoseconds checked_period(std::chrono::nanoseconds period);

template <auto M, class T, class... A>
Timer make_method_timer(std::chrono::nanoseconds delay, std::chrono::nanoseconds period, Name<T> const& to, A&&... args) {
  check_method<T, M>();
  using Op = MethodOp<M>;
  (void)Registered<Op>::done;
  static_assert(std::is_constructible_v<typename Op::Arguments, A...>,
                "corps: the arguments do not fit the parameters of this method");
  return make_timer<MethodTimer<Op>>(delay, period, to.address(), std::forward<A>(args)...);
}

template <class F>
Timer make_function_timer(std::chrono::nanoseconds delay, std::chrono::nanoseconds period, F&& function) {
  using Function = std::decay_t<F>;
  static_assert(std::is_invocable_v<Function&>, "corps: the function of a timer takes no arguments");
  if constexpr (std::is_invocable_v<Function&>) {
    using Result = std::invoke_result_t<Function&>;
    static_assert(std::is_void_v<Result> || std::is_same_v<Result, Task<>>,
                  "corps: the function of a timer returns nothing, or a corps::Task<>");
    return make_timer<FunctionTimer<Function>>(delay, period, std::forward<F>(function));
  }
}

}  // namespace detail

/// Asks a Worker to run a method when the time has passed, as `tell` does: `corps::after<&T::method>(1s, name, args...)`. The
/// time is kept by the caller's Env, whatever its Workers do; the Worker may be in any Env. Failures are logged. Any thread.
/// Throws Overloaded at `limits.timers`, Refused where no Env runs.
template <auto M, class T, class... A>
Timer after(std::chrono::nanoseconds delay, Name<T> const& to, A&&... args) {
  return detail::make_method_timer<M>(delay, std::chrono::nanoseconds{0}, to, std::forward<A>(args)...);
}

/// The same again and again, first when one period has passed; each time with a copy of the arguments. When it is time and the
/// last run has not ended, nothing is begun, and that is counted: a slow Worker is asked less often, and nothing piles up. The
/// times do not drift. It stops by itself when the Worker is gone. A period is 1 ms at least; else std::invalid_argument.
template <auto M, class T, class... A>
Timer every(std::chrono::nanoseconds period, Name<T> const& to, A&&... args) {
  return detail::make_method_timer<M>(period, detail::checked_period(period), to, std::forward<A>(args)...);
}

/// Runs a function in a turn of the Worker that calls this, when the time has passed: beside its requests, at their awaits, as a
/// spawned Task is. The function may return a Task<>, and is kept until that ends. What it throws is logged. On a plain thread
/// it runs while the thread waits for some Future.
template <class F>
Timer after(std::chrono::nanoseconds delay, F&& function) {
  return detail::make_function_timer(delay, std::chrono::nanoseconds{0}, std::forward<F>(function));
}

/// The same again and again, with the rules of the other `every`.
template <class F>
Timer every(std::chrono::nanoseconds period, F&& function) {
  return detail::make_function_timer(period, detail::checked_period(period), std::forward<F>(function));
}

}  // namespace corps
