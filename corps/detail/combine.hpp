#pragma once

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/cancel.hpp"
#include "corps/detail/gather.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/future.hpp"
#include "corps/task.hpp"

// The Tasks behind corps/combine.hpp. What they throw reaches whoever waits as it is, not as the error of a method that ran:
// hence NotRun, which is what says so.

namespace corps::detail {

template <class T>
Reply<T>& reply_of(Future<T> const& future) {
  return static_cast<Reply<T>&>(checked(FutureMaker<T>::reply(future)));
}

/// Cancels what has not ended yet.
template <class T>
void cancel_rest(std::vector<Future<T>>& futures) {
  for (auto& future : futures)
    if (future.valid()) cancel(reply_of(future));
}

/// The Task that runs has been cancelled: it ends, and what it waits for with it.
[[noreturn]] void end_cancelled_task();
[[noreturn]] void no_futures();
ErrorInfo limit_passed(std::chrono::nanoseconds limit);

/// The value of a call that has ended; its error is passed on as it is.
template <class T>
T value_of(Future<T> const& future) {
  auto& reply = reply_of(future);
  if (auto const* const error = reply.failure()) throw NotRun{*error};
  if constexpr (!std::is_void_v<T>) return std::move(*reply.result);
}

template <class T>
struct AllOfMany {
  using Type = std::vector<T>;
};
template <>
struct AllOfMany<void> {
  using Type = void;
};
template <class T>
using All = typename AllOfMany<T>::Type;

/// Takes the values of Futures that have all ended; throws the first error, and has seen the others.
template <class T>
All<T> take_all(std::vector<Future<T>> const& futures) {
  ErrorInfo const* failure = nullptr;
  for (auto const& future : futures) {
    auto const* const error = reply_of(future).failure();
    if (failure == nullptr) failure = error;
  }
  if (failure != nullptr) throw NotRun{*failure};
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(futures.size());
    for (auto const& future : futures) values.push_back(std::move(*reply_of(future).result));
    return values;
  }
}

/// Waits until all have ended, or, unless `after_all`, one has with an error.
template <class T>
Task<All<T>> all_values(std::vector<Future<T>> futures, bool after_all, bool cancel_others) {
  if (after_all) {
    for (auto& future : futures) {
      co_await Ending{reply_of(future)};
      if (!cancelled()) continue;
      cancel_rest(futures);
      end_cancelled_task();
    }
  } else {
    Gather ends{futures.size()};
    for (std::size_t i = 0; i < futures.size(); ++i) ends.watch(i, FutureMaker<T>::reply(futures[i]));
    for (std::size_t left = futures.size(); left > 0; --left) {
      std::unique_ptr<ErrorInfo> failure;
      try {
        auto const place = co_await NextPlace{ends};
        if (auto const* const error = reply_of(futures[place]).failure()) failure = std::make_unique<ErrorInfo>(*error);
      } catch (Error const& error) {
        failure = std::make_unique<ErrorInfo>(error.info());
      }
      if (failure == nullptr) continue;
      if (cancel_others || cancelled()) cancel_rest(futures);
      throw NotRun{*failure};
    }
  }
  if constexpr (std::is_void_v<T>)
    take_all(futures);
  else
    co_return take_all(futures);
}

template <class T>
Task<std::vector<Future<T>>> all_ended(std::vector<Future<T>> futures) {
  for (auto& future : futures) {
    co_await Ending{reply_of(future)};
    if (!cancelled()) continue;
    cancel_rest(futures);
    end_cancelled_task();
  }
  co_return std::move(futures);
}

template <class... T>
Task<std::tuple<Stored<T>...>> all_of_tuple(std::tuple<Future<T>...> futures) {
  auto const calls = std::apply([](auto&... each) { return std::array<Request*, sizeof...(T)>{&reply_of(each)...}; }, futures);
  for (auto* const call : calls) {
    co_await Ending{*call};
    if (!cancelled()) continue;
    for (auto* const each : calls) cancel(*each);
    end_cancelled_task();
  }
  ErrorInfo const* failure = nullptr;
  for (auto* const call : calls) {
    auto const* const error = call->failure();
    if (failure == nullptr) failure = error;
  }
  if (failure != nullptr) throw NotRun{*failure};
  co_return std::apply([](auto&... each) { return std::tuple<Stored<T>...>(std::move(*reply_of(each).result)...); }, futures);
}

template <class Result, class T>
Task<Result> any_of(std::vector<Future<T>> futures, bool cancel_losers) {
  if (futures.empty()) no_futures();
  Result any;
  {
    Gather ends{futures.size()};
    for (std::size_t i = 0; i < futures.size(); ++i) ends.watch(i, FutureMaker<T>::reply(futures[i]));
    std::unique_ptr<ErrorInfo> failure;
    try {
      any.index = co_await NextPlace{ends};
    } catch (Error const& error) {
      failure = std::make_unique<ErrorInfo>(error.info());
    }
    if (failure != nullptr) {
      if (cancelled()) cancel_rest(futures);
      throw NotRun{*failure};
    }
  }
  any.futures = std::move(futures);
  if (cancel_losers) cancel_rest(any.futures);
  co_return std::move(any);
}

template <class T>
Task<T> within_limit(Future<T> future, std::chrono::nanoseconds limit) {
  auto& reply = reply_of(future);
  {
    Gather end{1};
    end.watch(0, &reply);
    std::unique_ptr<ErrorInfo> failure;
    try {
      co_await NextPlace{end, deadline_after(now_ns(), limit.count())};
    } catch (Error const& error) {
      failure = std::make_unique<ErrorInfo>(error.info());
    }
    if (failure != nullptr) {
      cancel(reply);
      if (failure->code == Errc::timeout) *failure = limit_passed(limit);
      throw NotRun{*failure};
    }
  }
  if constexpr (std::is_void_v<T>)
    value_of(future);
  else
    co_return value_of(future);
}

/// The Futures of a NextOf.
template <class T>
struct AllOf {
  explicit AllOf(std::vector<Future<T>> which) : futures(std::move(which)), ends(futures.size()), left(futures.size()) {
    for (std::size_t i = 0; i < futures.size(); ++i) ends.watch(i, FutureMaker<T>::reply(futures[i]));
  }
  std::vector<Future<T>> futures;
  Gather ends;
  std::size_t left;
};

template <class T, class Ended>
class NextEnded {
 public:
  explicit NextEnded(AllOf<T>& all) noexcept : all_(all) {}

  bool await_ready() const noexcept { return all_.left == 0 || all_.ends.ready(); }
  void await_suspend(std::coroutine_handle<> awaiting) const { all_.ends.pause.wait(awaiting); }
  std::optional<Ended> await_resume() const {
    if (all_.left == 0) return std::nullopt;
    check();
    --all_.left;
    auto const index = all_.ends.take();
    return Ended{index, std::move(all_.futures[index])};
  }
  std::optional<Ended> get() const {
    if (all_.left != 0) all_.ends.block();
    return await_resume();
  }

 private:
  void check() const {
    try {
      all_.ends.check();
    } catch (...) {
      if (cancelled()) cancel_rest(all_.futures);
      throw;
    }
  }
  AllOf<T>& all_;
};

// --- then ----------------------------------------------------------------------------------------------------------

/// What is in the end of what a function returns.
template <class R>
struct Inner {
  using Type = R;
  static constexpr bool is_task = false;
  static constexpr bool is_future = false;
};
template <class R>
struct Inner<Task<R>> {
  using Type = R;
  static constexpr bool is_task = true;
  static constexpr bool is_future = false;
};
template <class R>
struct Inner<Future<R>> {
  using Type = R;
  static constexpr bool is_task = false;
  static constexpr bool is_future = true;
};

template <class F, class T>
struct ThenShape {
  static constexpr bool takes_future = std::is_invocable_v<F&, Future<T>>;
  static constexpr bool takes_value = std::is_invocable_v<F&, T>;
  using Raw = typename std::conditional_t<takes_future, std::invoke_result<F&, Future<T>>, std::invoke_result<F&, T>>::type;
};
template <class F>
struct ThenShape<F, void> {
  static constexpr bool takes_future = std::is_invocable_v<F&, Future<void>>;
  static constexpr bool takes_value = std::is_invocable_v<F&>;
  using Raw = typename std::conditional_t<takes_future, std::invoke_result<F&, Future<void>>, std::invoke_result<F&>>::type;
};

template <class F, class T>
using ThenResult = typename Inner<std::decay_t<typename ThenShape<F, T>::Raw>>::Type;

/// What then() takes, said before anything is made of it.
template <class F, class T>
inline constexpr bool is_for_then = std::is_invocable_v<F&, Future<T>> || std::is_invocable_v<F&, T>;
template <class F>
inline constexpr bool is_for_then<F, void> = std::is_invocable_v<F&, Future<void>> || std::is_invocable_v<F&>;

/// The function on the value of a call that has ended, or on its Future.
template <class F, class T>
decltype(auto) call_then(F& function, Future<T>& future) {
  if constexpr (ThenShape<F, T>::takes_future) {
    return function(std::move(future));
  } else if constexpr (std::is_void_v<T>) {
    value_of(future);
    return function();
  } else {
    return function(value_of(future));
  }
}

/// Waits until a call has ended; cancels it when the Task that waits is cancelled.
template <class T>
Task<> ending_of(Future<T>* future) {
  auto& reply = reply_of(*future);
  co_await Ending{reply};
  if (!cancelled()) co_return;
  cancel(reply);
  end_cancelled_task();
}

template <class T, class F>
Task<ThenResult<F, T>> run_then(Future<T> future, F function) {
  using Raw = std::decay_t<typename ThenShape<F, T>::Raw>;
  using Result = ThenResult<F, T>;
  auto ending = ending_of(&future);
  co_await std::move(ending);
  if constexpr (Inner<Raw>::is_future) {
    auto inner = call_then(function, future);
    auto inner_ending = ending_of(&inner);
    co_await std::move(inner_ending);
    if constexpr (std::is_void_v<Result>)
      value_of(inner);
    else
      co_return value_of(inner);
  } else if constexpr (Inner<Raw>::is_task) {
    auto inner = call_then(function, future);
    if constexpr (std::is_void_v<Result>) {
      co_await std::move(inner);
    } else {
      auto value = co_await std::move(inner);
      co_return std::move(value);
    }
  } else if constexpr (std::is_void_v<Result>) {
    call_then(function, future);
  } else {
    co_return call_then(function, future);
  }
}

}  // namespace corps::detail
