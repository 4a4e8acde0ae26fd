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

#include "corps/detail/method_id.hpp"
#include "corps/detail/reply.hpp"
#include "corps/error.hpp"
#include "corps/name.hpp"
#include "corps/spawn.hpp"

// How map, filter and reduce call: a number of Tasks of the caller's Worker each take the next item and call one of the Workers
// with it. So there are never more calls out than Tasks, a fast Worker gets more items than a slow one, and results stay in order
// by their number.

namespace corps::detail {

/// As `text` of an error: which item it is about.
ErrorInfo about_item(ErrorInfo info, std::size_t item, std::size_t of);
/// Throws std::invalid_argument: there is nobody to call.
[[noreturn]] void nobody_to_call();
/// Throws std::invalid_argument: nothing to reduce, and no initial value.
[[noreturn]] void nothing_to_reduce();
/// Throws an error of a call out of a Task of this Worker, as it is.
[[noreturn]] void throw_as_it_is(ErrorInfo info);
/// How many calls may be out for so many Workers and items.
std::size_t calls_out_max(std::size_t workers, std::uint32_t window, std::size_t items) noexcept;

inline constexpr std::chrono::nanoseconds usual_limit{-1};

/// What the Tasks of one map share.
template <auto M, class T, class Source>
struct Each {
  using Result = typename MethodTraits<M>::Result;

  std::vector<Name<T>> workers;
  std::chrono::nanoseconds limit;
  Source source;  // source(n, call): calls with the arguments of item n
  std::size_t count;
  bool stops;  // at the first error
  std::size_t next = 0;
  std::vector<std::optional<Stored<Result>>> results = std::vector<std::optional<Stored<Result>>>(count);
  std::vector<std::optional<ErrorInfo>> errors = std::vector<std::optional<ErrorInfo>>(stops ? 0 : count);
  std::optional<ErrorInfo> first_error = std::nullopt;
  std::size_t failed_item = 0;

  bool done() const { return next == count || (stops && first_error.has_value()); }
  Future<Result> begin(std::size_t item, std::size_t worker) {
    return source(item, [&]<class... A>(A&&... args) {
      auto const& to = workers[worker];
      return limit < std::chrono::nanoseconds{0} ? to.template call<M>(std::forward<A>(args)...)
                                                 : to.within(limit).template call<M>(std::forward<A>(args)...);
    });
  }
  void failed(std::size_t item, ErrorInfo info) {
    if (!stops) {
      errors[item].emplace(std::move(info));
    } else if (!first_error) {
      first_error.emplace(std::move(info));
      failed_item = item;
    }
  }
};

template <class State>
Task<> take_items(std::shared_ptr<State> state, std::size_t worker) {
  while (!state->done()) {
    auto const item = state->next++;
    auto call = state->begin(item, worker);
    try {
      if constexpr (std::is_void_v<typename State::Result>) {
        co_await call;
        state->results[item].emplace();
      } else {
        auto result = co_await call;
        state->results[item].emplace(std::move(result));
      }
    } catch (Error const& error) {
      state->failed(item, error.info());
    }
  }
}

/// Ends when every call has ended; throws the first error if it `stops`.
template <class State>
Task<> take_all(std::shared_ptr<State> state, std::uint32_t window) {
  if (state->count == 0) co_return;
  if (state->workers.empty()) nobody_to_call();
  auto const tasks = calls_out_max(state->workers.size(), window, state->count);
  std::vector<Future<void>> running;
  running.reserve(tasks);
  for (std::size_t i = 0; i < tasks; ++i) running.push_back(spawn(take_items(state, i % state->workers.size())));
  for (auto& one : running) co_await one;
  if (state->first_error) throw_as_it_is(about_item(std::move(*state->first_error), state->failed_item, state->count));
}

template <class Items>
struct ItemOf {
  using Type = std::decay_t<decltype(*std::begin(std::declval<Items&>()))>;
};
template <class Items>
requires requires { typename Items::value_type; }
struct ItemOf<Items> {
  using Type = typename Items::value_type;
};
template <class Items>
using Item = typename ItemOf<std::decay_t<Items>>::Type;

template <class Items>
std::vector<Item<Items>> to_vector(Items&& items) {
  if constexpr (std::is_same_v<Items, std::vector<Item<Items>>>) {
    return std::forward<Items>(items);
  } else {
    std::vector<Item<Items>> copy;
    for (auto const& item : items) copy.push_back(item);
    return copy;
  }
}

/// One item for each call, and the same further arguments for all.
template <class I, bool keeps_items, class... More>
struct ItemSource {
  std::vector<I> items;
  std::tuple<More...> more;

  template <class Call>
  auto operator()(std::size_t item, Call call) {
    return std::apply(
        [&](More const&... each) {
          if constexpr (keeps_items || std::is_same_v<I, bool>)
            return call(I(items[item]), More(each)...);
          else
            return call(std::move(items[item]), More(each)...);
        },
        more);
  }
};

/// Neighbours.
template <class I>
struct PairSource {
  std::vector<I> items;

  template <class Call>
  auto operator()(std::size_t pair, Call call) {
    return call(I(std::move(items[2 * pair])), I(std::move(items[2 * pair + 1])));
  }
};

}  // namespace corps::detail
