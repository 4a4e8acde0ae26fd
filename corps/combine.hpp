#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/cancel.hpp"
#include "corps/detail/combine.hpp"
#include "corps/detail/gather.hpp"
#include "corps/future.hpp"
#include "corps/spawn.hpp"
#include "corps/task.hpp"

/// Several Futures at once. All of it belongs to the Worker, or the plain thread, that made the calls, and takes the Futures
/// over; an error of theirs is passed on as it is. Cancelling a combined Future, or the request that waits for it, cancels the
/// calls in it; dropping it stops nothing. Nothing here polls.
namespace corps {

/// What stands for the value of a Future<void> among others.
using Nothing = detail::Nothing;

/// What the first error does.
enum class OnError : std::uint8_t {
  after_all,      // it comes when all have ended; of several, the first in the order given
  at_once,        // it comes at once; the other calls go on, and nobody looks at how they end
  cancel_others,  // it comes at once, and the other calls are cancelled
};

/// What becomes of the calls that were not first.
enum class Losers : std::uint8_t { keep, cancel };

/// All values, in the order given; of Futures without value, nothing.
template <class T>
Future<detail::All<T>> when_all(std::vector<Future<T>> futures, OnError on_error = OnError::after_all) {
  return spawn(detail::all_values(std::move(futures), on_error == OnError::after_all, on_error == OnError::cancel_others));
}
/// The same for Futures of different types: a tuple, with Nothing for void. An error comes when all have ended.
template <class... T>
Future<std::tuple<detail::Stored<T>...>> when_all(Future<T>... futures) {
  return spawn(detail::all_of_tuple(std::tuple<Future<T>...>(std::move(futures)...)));
}

/// The Futures themselves, when all have ended: get() of each gives its value or throws its error, and does not wait.
template <class T>
Future<std::vector<Future<T>>> when_ended(std::vector<Future<T>> futures) {
  return spawn(detail::all_ended(std::move(futures)));
}

/// The Future that ended first, and all of them.
template <class T>
struct Any {
  std::size_t index = 0;           // of the first
  std::vector<Future<T>> futures;  // the others are still valid; cancelled, if that was asked for

  Future<T>& first() { return futures[index]; }
};

/// When one has ended, with a value or an error. Of no Futures: std::invalid_argument.
template <class T>
Future<Any<T>> when_any(std::vector<Future<T>> futures, Losers losers = Losers::keep) {
  return spawn(detail::any_of<Any<T>>(std::move(futures), losers == Losers::cancel));
}

/// The same Future with a limit: if it has not ended in time it is cancelled, and Timeout comes.
template <class T>
Future<T> with_timeout(Future<T> future, std::chrono::nanoseconds limit) {
  return spawn(detail::within_limit(std::move(future), limit));
}

/// One of several Futures that has ended.
template <class T>
struct Ended {
  std::size_t index = 0;  // in the order given
  Future<T> future;       // get() does not wait
};

/// Futures in the order in which they end, each once:
///
///   auto answers = corps::next_of(std::move(futures));
///   while (auto ended = co_await answers.next()) use(ended->index, ended->future.get());
///
/// Threads: of the Worker, or the plain thread, that made the calls. Dropping it stops no call.
template <class T>
class NextOf {
 public:
  explicit NextOf(std::vector<Future<T>> futures) : all_(std::make_unique<detail::AllOf<T>>(std::move(futures))) {}

  /// How many were not taken.
  std::size_t left() const noexcept { return all_->left; }
  /// The next that has ended, or none when all are taken. `co_await next()` in a Task; `next().get()` on a plain thread.
  /// Throws Timeout when the deadline of the request that waits comes first. Use the result of next() at once, and once.
  auto next() { return detail::NextEnded<T, Ended<T>>{*all_}; }

 private:
  std::unique_ptr<detail::AllOf<T>> all_;
};

template <class T>
NextOf<T> next_of(std::vector<Future<T>> futures) {
  return NextOf<T>{std::move(futures)};
}

template <class T>
template <class F>
auto Future<T>::then(F function) {
  static_assert(detail::is_for_then<F, T>,
                "corps: the function of then() takes the value of the Future (nothing where that is void), or the Future itself");
  if constexpr (detail::is_for_then<F, T>) return spawn(detail::run_then(std::move(*this), std::move(function)));
}

}  // namespace corps
