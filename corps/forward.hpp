#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "corps/detail/forward.hpp"
#include "corps/name.hpp"
#include "corps/promise.hpp"

namespace corps {

/// Hands the request that runs on to another Worker, for the method to return:
///
///   corps::Later<Page> page(std::string path) { return corps::forward<&Cache::page>(shard_of(path), path); }
///
/// The answer, or the error, goes to the first caller without passing this Worker again, which is free at once. The deadline
/// goes on, and so does a cancel, in whichever Envs the two Workers are: what was handed on and not begun is not run, and what
/// the other method waits for ends. An error that comes back may_have_run, since this method ran. To a Worker of another Env the
/// answer comes back through this Env, but not through this Worker. Nothing is sent before the method returns. Threads: in the
/// Worker's own turn.
template <auto M, class T, class... A>
Later<typename detail::MethodTraits<M>::Result> forward(Name<T> const& to, A&&... args) {
  using Result = typename detail::MethodTraits<M>::Result;
  detail::check_method<T, M>();
  return Later<Result>{std::make_unique<detail::ForwardLater<Result>>(
      detail::make_call<detail::MethodOp<M>>(std::forward<A>(args)...), to.address())};
}

}  // namespace corps
