#pragma once

#include <type_traits>
#include <utility>

#include "corps/fwd.hpp"

namespace corps {

namespace detail {

/// While it lives, this thread may block: what it would have run is for others to do. On a plain thread it does nothing. Throws
/// Overloaded at limits.spare_threads.
class BlockingScope {
 public:
  BlockingScope();
  ~BlockingScope();
  BlockingScope(BlockingScope const&) = delete;
  BlockingScope& operator=(BlockingScope const&) = delete;

 private:
  bool handed_over_ = false;
  void* lane_ = nullptr;  // of this thread, which it has left
};

template <class R>
inline constexpr bool is_task = false;
template <class R>
inline constexpr bool is_task<Task<R>> = true;
template <class R>
inline constexpr bool is_task<Future<R>> = true;

}  // namespace detail

/// Runs a function that may keep its thread for long, because it sleeps in the kernel or waits for a disk or another library,
/// without stalling the Env: `auto text = corps::blocking([&] { return read_file(path); });` in a method of a Conc, plain or
/// Task. The thread first gives away what is queued on it, and a spare one takes over for the time. Returns what the function
/// returns and lets through what it throws. It is part of the turn: the object's members are the function's alone while it runs,
/// and the Conc does nothing else meanwhile, an interleaved one and one with suspended methods neither: not even an urgent
/// message is taken. Nothing interrupts it; a deadline or `exit` takes effect after it. A loop in it may look at
/// corps::cancelled().
///
/// Throws Overloaded, and does not run the function, when `limits.spare_threads` of this Env's threads are blocked, here and in
/// get(). Calls in it are allowed, get() too; it may be nested. On a plain thread, and in a Conc with a thread of its own
/// (corps::detached), it just runs the function.
template <class F>
std::invoke_result_t<F> blocking(F&& function) {
  using Result = std::remove_cvref_t<std::invoke_result_t<F>>;
  static_assert(!detail::is_task<Result>,
                "corps: blocking() runs a function to its end on this thread, and one that returns a Task or a Future would only "
                "begin in it; co_await that without blocking()");
  detail::BlockingScope const scope;
  return std::forward<F>(function)();
}

}  // namespace corps
