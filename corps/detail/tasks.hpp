#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "corps/detail/blocks.hpp"
#include "corps/fwd.hpp"

namespace corps::detail {

struct Request;

/// Tells the Worker whose turn this is that the coroutine of `request` has ended: `settle` will collect it, once the
/// coroutine stands still.
void frame_ended(Request& request) noexcept;

/// Throws std::logic_error: a Task that was default-constructed, moved from, or awaited before is to run.
[[noreturn]] void not_a_task();

struct TaskPromiseBase : InBlocks {
  struct AtEnd {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
      TaskPromiseBase& promise = frame.promise();
      if (promise.request != nullptr) {
        frame_ended(*promise.request);
        return std::noop_coroutine();
      }
      return promise.continuation ? promise.continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  AtEnd final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }

  std::coroutine_handle<> continuation;  // who awaits it; none while that is still on the stack
  Request* request = nullptr;            // or the request it answers
  std::exception_ptr failure;
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  T take() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    return std::move(*result);
  }
  std::optional<T> result;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }
};

}  // namespace corps::detail
