#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/detail/create.hpp"
#include "corps/detail/each.hpp"
#include "corps/error.hpp"
#include "corps/future.hpp"
#include "corps/name.hpp"
#include "corps/spawn.hpp"

/// The same call for many items, spread over Workers: Concs with a method, or Funcs with a function.
///
///   auto sizes = co_await corps::map<&files::size_of>(workers, paths);
///   auto hits = co_await corps::map<&Searcher::search>(corps::over(searchers).window(4), paths, pattern);
///
/// Each Worker has at most `window` calls at a time, and gets its next item when one has ended; results are in the order of the
/// items. Items are copied into the call, or moved if the range is an rvalue vector. On a plain thread `.get()` waits.
/// Dropping the Future does not stop it. Without Workers it ends with std::invalid_argument, unless there are no items either.
namespace corps {

namespace detail {
struct Mapper;
}

/// How many calls each Worker is given at a time: one runs, the others are under way.
inline constexpr std::uint32_t map_window_default = 8;

/// The Workers of a map, and how they are called.
template <class T>
class Over {
 public:
  explicit Over(std::vector<Name<T>> workers) : workers_(std::move(workers)) {}
  /// Calls at a time for each Worker, at least 1. For all Workers together at most half of `limits.open_calls_per_worker`.
  Over window(std::uint32_t calls) && {
    window_ = calls;
    return std::move(*this);
  }
  /// For each call, in place of `limits.request_timeout`.
  Over within(std::chrono::nanoseconds limit) && {
    limit_ = limit.count() < 0 ? std::chrono::nanoseconds{0} : limit;
    return std::move(*this);
  }

 private:
  friend struct detail::Mapper;
  std::vector<Name<T>> workers_;
  std::uint32_t window_ = map_window_default;
  std::chrono::nanoseconds limit_ = detail::usual_limit;
};
template <class T>
Over<T> over(std::vector<Name<T>> workers) {
  return Over<T>{std::move(workers)};
}

/// What became of one item: a value, or an error.
template <class R>
struct Outcome {
  std::optional<detail::Stored<R>> value;
  std::optional<ErrorInfo> error;

  bool ok() const noexcept { return value.has_value(); }
  /// The value, or throws the error.
  R get() const {
    if (!ok()) throw_error(*error);
    if constexpr (!std::is_void_v<R>) return *value;
  }
};

namespace detail {

template <class R>
struct ValuesOf {
  using Type = std::vector<R>;
};
template <>
struct ValuesOf<void> {
  using Type = void;
};
template <auto M>
using Values = typename ValuesOf<typename MethodTraits<M>::Result>::Type;
template <auto M>
using Outcomes = std::vector<Outcome<typename MethodTraits<M>::Result>>;

/// The items of a reduction, and the round that combines neighbours. The coroutine holds nothing else: GCC 12 at -O2 lost what a
/// templated one made and moved around its wait.
template <auto M, class T, class I>
struct Reduction {
  using Round = Each<M, T, PairSource<I>>;

  /// False: one item is left.
  bool begin_round();
  void end_round() {
    items.clear();
    for (auto& result : round->results) items.push_back(std::move(*result));
    if (odd) items.push_back(std::move(*odd));
    odd.reset();
  }
  I last() { return std::move(items.front()); }

  Over<T> over;
  std::vector<I> items;
  std::optional<I> odd = std::nullopt;
  std::shared_ptr<Round> round = nullptr;
};

struct Mapper {
  template <auto M, class T, class Source>
  static auto share(Over<T>&& over, Source source, std::size_t count, bool stops) {
    check_method<T, M>();
    using State = Each<M, T, Source>;
    return std::make_shared<State>(State{std::move(over.workers_), over.limit_, std::move(source), count, stops});
  }
  template <class T>
  static std::uint32_t window(Over<T> const& over) noexcept {
    return over.window_;
  }

  template <class State, class R>
  static Task<R> values(std::shared_ptr<State> state, std::uint32_t window) {
    co_await take_all(state, window);
    if constexpr (!std::is_void_v<R>) {
      R values;
      values.reserve(state->count);
      for (auto& result : state->results) values.push_back(std::move(*result));
      co_return values;
    }
  }
  template <class State>
  static Task<std::vector<Outcome<typename State::Result>>> outcomes(std::shared_ptr<State> state, std::uint32_t window) {
    co_await take_all(state, window);
    std::vector<Outcome<typename State::Result>> outcomes;
    outcomes.reserve(state->count);
    for (std::size_t i = 0; i < state->count; ++i)
      outcomes.push_back({std::move(state->results[i]), std::move(state->errors[i])});
    co_return outcomes;
  }
  template <class State, class I>
  static Task<std::vector<I>> chosen(std::shared_ptr<State> state, std::uint32_t window) {
    co_await take_all(state, window);
    std::vector<I> chosen;
    for (std::size_t i = 0; i < state->count; ++i)
      if (*state->results[i]) chosen.push_back(std::move(state->source.items[i]));
    co_return chosen;
  }
  template <auto M, class T, class I>
  static Task<I> reduced(std::shared_ptr<Reduction<M, T, I>> reduction) {
    while (reduction->begin_round()) {
      auto round = take_all(reduction->round, window(reduction->over));
      co_await round;
      reduction->end_round();
    }
    co_return reduction->last();
  }
};

template <auto M, class T, class I>
bool Reduction<M, T, I>::begin_round() {
  if (items.empty()) nothing_to_reduce();
  if (items.size() == 1) return false;
  auto const pairs = items.size() / 2;
  if (items.size() % 2 != 0) odd.emplace(std::move(items.back()));
  round = Mapper::share<M>(Over<T>(over), PairSource<I>{std::move(items)}, pairs, true);
  return true;
}

template <auto M>
struct IsCombiner : std::false_type {};
template <auto M>
requires(std::tuple_size_v<typename MethodTraits<M>::Args> == 2) struct IsCombiner<M>
    : std::is_same<std::tuple<typename MethodTraits<M>::Result, typename MethodTraits<M>::Result>,
                   typename MethodTraits<M>::Args> {
};

}  // namespace detail

/// The results of a method or function for every item, in order. The first error ends it, with the item named in the text; calls
/// that are out then are waited for, and no others are begun. `more` arguments follow the item in each call.
template <auto M, class T, class Items, class... More>
Future<detail::Values<M>> map(Over<T> over, Items&& items, More&&... more) {
  using Source = detail::ItemSource<detail::Item<Items>, false, detail::Argument<More>...>;
  auto const window = detail::Mapper::window(over);
  Source source{detail::to_vector(std::forward<Items>(items)), {std::forward<More>(more)...}};
  auto const count = source.items.size();
  auto state = detail::Mapper::share<M>(std::move(over), std::move(source), count, true);
  using State = typename decltype(state)::element_type;
  return spawn(detail::Mapper::values<State, detail::Values<M>>(std::move(state), window));
}
template <auto M, class T, class Items, class... More>
Future<detail::Values<M>> map(std::vector<Name<T>> const& workers, Items&& items, More&&... more) {
  return map<M>(over(workers), std::forward<Items>(items), std::forward<More>(more)...);
}

/// As map, but an error ends only the item that has it: an Outcome for every item, in order.
template <auto M, class T, class Items, class... More>
Future<detail::Outcomes<M>> try_map(Over<T> over, Items&& items, More&&... more) {
  using Source = detail::ItemSource<detail::Item<Items>, false, detail::Argument<More>...>;
  auto const window = detail::Mapper::window(over);
  Source source{detail::to_vector(std::forward<Items>(items)), {std::forward<More>(more)...}};
  auto const count = source.items.size();
  auto state = detail::Mapper::share<M>(std::move(over), std::move(source), count, false);
  return spawn(detail::Mapper::outcomes(std::move(state), window));
}
template <auto M, class T, class Items, class... More>
Future<detail::Outcomes<M>> try_map(std::vector<Name<T>> const& workers, Items&& items, More&&... more) {
  return try_map<M>(over(workers), std::forward<Items>(items), std::forward<More>(more)...);
}

/// The items for which the predicate says true, in order. Errors as of map.
template <auto M, class T, class Items, class... More>
Future<std::vector<detail::Item<Items>>> filter(Over<T> over, Items&& items, More&&... more) {
  static_assert(std::is_same_v<typename detail::MethodTraits<M>::Result, bool>,
                "corps: filter wants a predicate: a method or a function that returns bool");
  using I = detail::Item<Items>;
  using Source = detail::ItemSource<I, true, detail::Argument<More>...>;
  auto const window = detail::Mapper::window(over);
  Source source{detail::to_vector(std::forward<Items>(items)), {std::forward<More>(more)...}};
  auto const count = source.items.size();
  auto state = detail::Mapper::share<M>(std::move(over), std::move(source), count, true);
  using State = typename decltype(state)::element_type;
  return spawn(detail::Mapper::chosen<State, I>(std::move(state), window));
}
template <auto M, class T, class Items, class... More>
Future<std::vector<detail::Item<Items>>> filter(std::vector<Name<T>> const& workers, Items&& items, More&&... more) {
  return filter<M>(over(workers), std::forward<Items>(items), std::forward<More>(more)...);
}

/// Combines all items into one by a method or function R(R, R), in rounds: neighbours are combined with each other, then the
/// results, as a tree. So it must be associative, (a+b)+c = a+(b+c), but not commutative: a is always left of b. One item is the
/// result itself; none ends with std::invalid_argument: put a neutral item in front if there may be none. Errors as of map.
template <auto M, class T, class Items>
Future<detail::Item<Items>> reduce(Over<T> over, Items&& items) {
  static_assert(detail::IsCombiner<M>::value && std::is_same_v<typename detail::MethodTraits<M>::Result, detail::Item<Items>>,
                "corps: reduce wants a method or a function R(R, R), where R is the type of the items");
  using Reduction = detail::Reduction<M, T, detail::Item<Items>>;
  auto reduction = std::make_shared<Reduction>(Reduction{std::move(over), detail::to_vector(std::forward<Items>(items))});
  return spawn(detail::Mapper::reduced(std::move(reduction)));
}
template <auto M, class T, class Items>
Future<detail::Item<Items>> reduce(std::vector<Name<T>> const& workers, Items&& items) {
  return reduce<M>(over(workers), std::forward<Items>(items));
}

}  // namespace corps
