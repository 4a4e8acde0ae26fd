#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "corps/detail/envelope.hpp"
#include "corps/detail/tasks.hpp"
#include "corps/fwd.hpp"

namespace corps {

namespace detail {
struct TaskStarter;
}

/// What a method (or a helper function) that awaits others returns.
///
///   corps::Task<Summary> search_tree(std::string root) { ... co_await ...; co_return summary; }
///
/// It starts when it is awaited, or when its method is called. Parameters are taken by value, because the caller's
/// objects may be gone when the Task goes on; a reference parameter does not compile.
/// Not inside of `c ? a : b`: GCC 12 then may run the arm that was not chosen. Write `if`.
/// Threads: a Task runs in the turns of one Worker, never in two threads at a time.
/// Dropping a Task that was not awaited destroys it unrun; dropping one that waits destroys what it holds.
template <class T>
class [[nodiscard("a Task runs only when it is awaited")]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  /// No Task at all: what an `on_...` hook that is not overridden returns.
  Task() noexcept = default;
  Task(Task && other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool valid() const noexcept { return frame_ != nullptr; }

  /// Awaiting: runs the Task now, in the awaiting one's Worker; its value, or what it threw, comes out. Once.
  auto operator co_await() const noexcept {
    struct Awaiter {
      bool await_ready() const {
        if (!frame || frame.done()) detail::not_a_task();
        return false;
      }
      /// A Task that ends without waiting is run inside of this: a loop over such Tasks needs no stack, however the
      /// compiler resumes coroutines.
      bool await_suspend(std::coroutine_handle<> awaiting) const {
        frame.resume();
        if (frame.done()) return false;
        frame.promise().continuation = awaiting;
        return true;
      }
      T await_resume() const { return frame.promise().take(); }
      std::coroutine_handle<promise_type> frame;
    };
    return Awaiter{frame_};
  }

 private:
  friend promise_type;
  friend struct detail::TaskStarter;
  using Frame = std::coroutine_handle<promise_type>;

  explicit Task(Frame frame) noexcept : frame_(frame) {}

  Frame frame_ = nullptr;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}

struct TaskStarter {
  /// Hands the coroutine to a request and runs it until it waits or ends. `settle` must follow.
  template <class T>
  static void start(Task<T> task, Request& request) {
    if (!task.valid()) not_a_task();
    auto frame = std::exchange(task.frame_, nullptr);
    frame.promise().request = &request;
    request.begin_frame(frame);
    frame.resume();
  }
};

}  // namespace detail
}  // namespace corps

/// Refuses coroutines whose parameters could dangle. The object of a method comes first and is a reference by nature.
template <class T, class First, class... Rest>
struct std::coroutine_traits<corps::Task<T>, First, Rest...> {
  static_assert(!std::is_reference_v<First> || std::is_class_v<std::remove_reference_t<First>>,
                "corps: a Task takes its parameters by value: a reference may dangle when it goes on");
  static_assert((!std::is_reference_v<Rest> && ...),
                "corps: a Task takes its parameters by value: a reference may dangle when it goes on");
  using promise_type = corps::detail::TaskPromise<T>;
};
