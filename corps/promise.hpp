#pragma once

#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "corps/detail/promise.hpp"
#include "corps/future.hpp"
#include "corps/fwd.hpp"
#include "corps/spawn.hpp"

namespace corps {

/// What a method returns that does not answer itself when it returns. Its Worker is free at once; the answer goes to the caller
/// from wherever it is given, without passing this Worker:
///
///   corps::Later<int> read(int key) {
///     corps::Promise<int> promise;
///     auto later = promise.later();
///     disk.read(key, [p = std::move(promise)](int value) mutable { p.set_value(value); });   // on some other thread
///     return later;
///   }
///
/// Made from a Promise, from a Future (whose end is the answer), by `corps::forward`, or from a value that is there already. To
/// callers the method is one that returns T. The deadline of the call goes on. Dropped unreturned, it does nothing, but that a
/// Promise then answers nobody.
/// Threads: the Worker's own.
template <class T>
class [[nodiscard("a Later answers only if the method returns it")]] Later {
 public:
  Later() requires std::is_void_v<T> : source_(std::make_unique<detail::ValueLater<void>>()) {}
  template <class V>
  requires(!std::is_void_v<T> && std::is_convertible_v<V&&, T>) Later(V && value)  // NOLINT: a value is an answer
      : source_(std::make_unique<detail::ValueLater<T>>(std::forward<V>(value))) {}
  Later(Future<T> future);  // NOLINT: so is the end of a call
  explicit Later(std::unique_ptr<detail::LaterSource<T>> source) noexcept : source_(std::move(source)) {}

 private:
  template <class U>
  friend void detail::answer_later(Later<U> later, detail::Reply<U> & request);
  std::unique_ptr<detail::LaterSource<T>> source_;
};

/// The answer of a call, to be given once, by whoever has it: a callback, a foreign thread, another method of the object.
/// Dropped without an answer, it ends the call with RemoteError of type "corps::BrokenPromise"; with WorkerLost if its object is
/// ending.
/// Threads: `set_value` and `set_error` on any thread, also at the same time: the first counts. The rest belongs to the Worker,
/// or the thread, that made it.
template <class T>
class Promise {
 public:
  Promise() : state_(std::make_shared<detail::PromiseState<T>>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Promise() {
    if (state_ != nullptr) state_->break_off();
  }

  /// The answer, for the method to return. Once, and not besides `future`: else std::logic_error.
  Later<T> later() {
    state().take_end();
    return Later<T>{std::make_unique<detail::PromiseLater<T>>(state_)};
  }
  /// The answer, for this Worker (or thread) to wait for: how a Task awaits a callback of another library. It counts as an open
  /// call and has its deadline. Once, and not besides `later`: else std::logic_error.
  Future<T> future() {
    state().take_end();
    return detail::FutureMaker<T>::make(detail::open_pledge<T>(*state_));
  }

  /// False if it was answered before.
  template <class... V>
  bool set_value(V&&... value) {
    static_assert(sizeof...(V) == (std::is_void_v<T> ? 0 : 1), "corps: a Promise is given one value; a Promise<void> none");
    if (!state().claim()) return false;
    state_->answer_with(std::forward<V>(value)...);
    return true;
  }
  /// The caller gets a RemoteError, as of a method that threw this. False if it was answered before.
  bool set_error(std::exception_ptr thrown) {
    if (!state().claim()) return false;
    state_->fail_with(thrown);
    return true;
  }
  /// Whether the answer is of no use any more, because its Future was cancelled, or the call. Any thread, before the answer.
  bool cancelled() const noexcept { return state_ != nullptr && state_->is_cancelled(); }
  /// Whether it can be answered: not moved from.
  bool valid() const noexcept { return state_ != nullptr; }

 private:
  detail::PromiseState<T>& state() const {
    if (state_ == nullptr) detail::no_promise();
    return *state_;
  }
  std::shared_ptr<detail::PromiseState<T>> state_;
};

template <class T>
Later<T>::Later(Future<T> future) {
  auto state = std::make_shared<detail::PromiseState<T>>();
  state->take_end();
  source_ = std::make_unique<detail::PromiseLater<T>>(state);
  (void)spawn(detail::relay(std::move(future), std::move(state)));
}

}  // namespace corps
