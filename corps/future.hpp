#pragma once

#include <chrono>
#include <utility>

#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/waiting.hpp"
#include "corps/fwd.hpp"

namespace corps {

namespace detail {
template <class T>
struct FutureMaker;
}

/// The result of a call that may not have come yet. It ends exactly once: with a value, or with one error of the
/// table, at the latest at the deadline of the call.
///
///   auto hits = co_await searcher.call<&Searcher::search>(file);   // in a Task: the Worker serves others meanwhile
///   auto hits = searcher.call<&Searcher::search>(file).get();      // on a plain thread: blocks
///
/// Threads: belongs to the Worker, or the plain thread, that made the call; waiting for it elsewhere throws
/// std::logic_error, and it must be dropped there too. Dropping a Future does not stop the call. The value can be taken once.
template <class T>
class [[nodiscard("dropping a Future does not stop the call; use tell for a call that wants no answer")]] Future {
 public:
  Future() noexcept = default;
  Future(Future && other) noexcept : reply_(std::exchange(other.reply_, nullptr)) {}
  Future& operator=(Future&& other) noexcept {
    std::swap(reply_, other.reply_);
    return *this;
  }
  ~Future() {
    if (reply_ != nullptr) reply_->drop();
  }

  /// Whether there is a call whose result was not taken yet.
  bool valid() const noexcept { return reply_ != nullptr; }

  /// Whether `get` would not wait.
  bool ready() const { return detail::look_for(detail::checked(reply_)); }

  /// Blocks until the call has ended; its value, or throws its error. In a Conc prefer co_await: while one blocks, a spare
  /// thread takes over for the others (at `limits.spare_threads` it throws Overloaded, and the Future stays valid), and the
  /// Conc's own Tasks that wait for answers go on inside the get().
  T get() {
    detail::wait_for(detail::checked(reply_), detail::never_ns);
    return take();
  }

  /// As get(), but gives up after `limit` with Timeout; the call goes on and the Future stays valid.
  T get(std::chrono::nanoseconds limit) {
    detail::wait_for(detail::checked(reply_), detail::deadline_after(detail::now_ns(), limit.count()));
    if (!reply_->ended()) detail::not_yet(*reply_, limit);
    return take();
  }

  /// Gives the call up: the Future ends with Cancelled at once. A method that was not begun is not run, and may_have_run() says
  /// so. One that runs may look at `corps::cancelled()`; if it waits at a co_await, what it waits for ends with Cancelled, once,
  /// and so on down the chain of calls. A method in another Env hears of it a little later, and may have run for all that is
  /// known here. Does nothing if the call has ended. Never blocks.
  void cancel() { detail::cancel(detail::checked(reply_)); }

  /// Has `function` called with the value when it comes, in the Worker's own turn (on a plain thread, while that waits for some
  /// Future); an error goes past it into the Future returned. A function that takes a Future<T> gets this one, once it has ended,
  /// with value or error. What the function returns, or the Task or Future that it returns brings, is the result. Takes this
  /// Future over. Dropping the result does not stop anything.
  template <class F>
  auto then(F function);

  /// Awaiting, in a Task of the Worker that made the call.
  auto operator co_await() noexcept {
    struct Awaiter {
      bool await_ready() const { return detail::checked(future.reply_).ended(); }
      void await_suspend(std::coroutine_handle<> awaiting) const { detail::await(*future.reply_, awaiting); }
      T await_resume() const { return future.take(); }
      Future& future;
    };
    return Awaiter{*this};
  }

 private:
  template <class U>
  friend struct detail::FutureMaker;
  explicit Future(detail::Reply<T> & reply) noexcept : reply_(&reply) {}

  T take() {
    Future const taken{std::move(*this)};
    detail::Reply<T>& reply = *taken.reply_;
    if (auto const* error = reply.failure()) throw_error(*error);
    if constexpr (!std::is_void_v<T>) return std::move(*reply.result);
  }

  detail::Reply<T>* reply_ = nullptr;
};

namespace detail {
template <class T>
struct FutureMaker {
  static Future<T> make(Reply<T>& reply) noexcept { return Future<T>{reply}; }
  static Reply<T>* reply(Future<T> const& future) noexcept { return future.reply_; }
};
}  // namespace detail

}  // namespace corps
