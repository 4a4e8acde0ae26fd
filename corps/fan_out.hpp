#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/combine.hpp"
#include "corps/detail/fan_out.hpp"
#include "corps/name.hpp"
#include "corps/spawn.hpp"

namespace corps {

/// Calls of a fan_out that are open at a time, if it does not say otherwise.
inline constexpr std::size_t fan_out_window = 64;

/// How a fan_out goes about it.
struct FanOut {
  std::size_t window = fan_out_window;    // calls that are open at a time, at least 1
  OnError on_error = OnError::after_all;  // the others: no further call is begun after the first error
};

/// Makes `count` calls, a bounded number at a time, and brings their results in order: `call(i)` begins the i-th and returns its
/// Future. Errors and cancel are as for `when_all`. Belongs to the Worker, or the plain thread, that begins it; dropping the
/// result stops nothing.
template <class F>
auto fan_out(std::size_t count, FanOut how, F call) {
  static_assert(detail::begins_calls<F>,
                "corps: the function of a fan_out takes a number, and returns the Future of the call with that number");
  if constexpr (detail::begins_calls<F>)
    return spawn(detail::fan_out_values(count, how.window, how.on_error != OnError::after_all,
                                        how.on_error == OnError::cancel_others, std::move(call)));
}
/// The same with the Futures, all ended, in place of the results: each shows its value or its error with get(). All calls are
/// made; `on_error` means nothing here.
template <class F>
auto fan_out_ended(std::size_t count, FanOut how, F call) {
  static_assert(detail::begins_calls<F>,
                "corps: the function of a fan_out takes a number, and returns the Future of the call with that number");
  if constexpr (detail::begins_calls<F>) return spawn(detail::fan_out_calls(count, how.window, false, false, std::move(call)));
}

/// Calls one method of each of a set of Workers, a bounded number at a time, and brings the results in the order of the Names:
///
///   auto sizes = co_await corps::fan_out<&Shard::size>(shards, {.window = 32});
///
/// Each call gets a copy of the arguments.
template <auto M, class T, class... A>
auto fan_out(std::vector<Name<T>> names, FanOut how, A... args) {
  auto const count = names.size();
  return fan_out(count, how, detail::CallEach<M, T, A...>{std::move(names), {std::move(args)...}});
}
/// The same with the Futures, all ended, in place of the results.
template <auto M, class T, class... A>
auto fan_out_ended(std::vector<Name<T>> names, FanOut how, A... args) {
  auto const count = names.size();
  return fan_out_ended(count, how, detail::CallEach<M, T, A...>{std::move(names), {std::move(args)...}});
}

}  // namespace corps
