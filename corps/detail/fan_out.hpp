#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/detail/combine.hpp"
#include "corps/detail/gather.hpp"
#include "corps/name.hpp"

namespace corps::detail {

/// Calls one method of each Name.
template <auto M, class T, class... A>
struct CallEach {
  auto operator()(std::size_t index) const {
    return std::apply([&](A const&... each) { return names[index].template call<M>(each...); }, arguments);
  }
  std::vector<Name<T>> names;
  std::tuple<A...> arguments;
};

template <class F>
using CallOf = std::invoke_result_t<F&, std::size_t>;
template <class F>
struct ResultOfCall;
template <class R>
struct ResultOfCall<Future<R>> {
  using Type = R;
};
/// Whether a function begins the calls of a fan_out.
template <class F>
inline constexpr bool begins_calls = requires {
  typename ResultOfCall<std::invoke_result_t<F&, std::size_t>>::Type;
};
template <class F>
using FanOutResult = typename ResultOfCall<CallOf<F>>::Type;

/// Waits for the next call that ends; the error of the wait, if that ended early.
template <class T>
struct FanOutState {
  FanOutState(std::size_t count, std::size_t window)
      : futures(count), ends(window < count ? window : count), index_at(window < count ? window : count) {}

  template <class F>
  void begin(std::size_t place, F& call) {
    auto const index = begun++;
    index_at[place] = index;
    futures[index] = call(index);
    ends.watch(place, FutureMaker<T>::reply(futures[index]));
  }
  bool all_begun() const noexcept { return begun == futures.size(); }

  std::vector<Future<T>> futures;
  Gather ends;
  std::vector<std::size_t> index_at;  // each place
  std::size_t begun = 0;
};

template <class F>
Task<std::vector<Future<FanOutResult<F>>>> fan_out_calls(std::size_t count, std::size_t window, bool stop, bool cancel_others,
                                                         F call) {
  using T = FanOutResult<F>;
  FanOutState<T> all{count, window == 0 ? 1 : window};
  for (std::size_t place = 0; place < all.index_at.size(); ++place) all.begin(place, call);
  for (std::size_t left = count; left > 0; --left) {
    std::unique_ptr<ErrorInfo> failure;
    bool in_wait = false;
    std::size_t place = 0;
    try {
      place = co_await NextPlace{all.ends};
    } catch (Error const& error) {
      failure = std::make_unique<ErrorInfo>(error.info());
      in_wait = true;
    }
    if (failure == nullptr && stop) {
      if (auto const* const error = reply_of(all.futures[all.index_at[place]]).failure())
        failure = std::make_unique<ErrorInfo>(*error);
    }
    if (failure != nullptr) {
      if (cancel_others || in_wait) cancel_rest(all.futures);
      throw NotRun{*failure};
    }
    if (!all.all_begun()) all.begin(place, call);
  }
  co_return std::move(all.futures);
}

template <class F>
Task<All<FanOutResult<F>>> fan_out_values(std::size_t count, std::size_t window, bool stop, bool cancel_others, F call) {
  auto calls = fan_out_calls(count, window, stop, cancel_others, std::move(call));
  auto const futures = co_await std::move(calls);
  if constexpr (std::is_void_v<FanOutResult<F>>)
    take_all(futures);
  else
    co_return take_all(futures);
}

}  // namespace corps::detail
