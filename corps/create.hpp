#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/detail/call.hpp"
#include "corps/detail/create.hpp"
#include "corps/name.hpp"
#include "corps/placement.hpp"
#include "corps/spawn.hpp"

namespace corps {

/// Makes a Worker of class T in one Env: `co_await corps::create<T>(corps::env(2), args...)`. The constructor runs in the
/// Worker's first turn, in that Env; then `on_start`; then the Future has its Name. What either throws ends the Worker and
/// comes as RemoteError. Whoever calls is the Worker's Mgr. The deadline is that of any call, `limits.request_timeout`: after a
/// Timeout that may_have_run, the Worker may exist. Arguments travel as the types they have, "text" as std::string.
template <class T, class... A>
Future<Name<T>> create(OneEnv place, A&&... args) {
  detail::check_creatable<T, detail::Argument<A>...>();
  return detail::create_one<T>(place.id, std::move(place.tag), place.own_thread, std::forward<A>(args)...);
}

/// Makes several Workers; each gets a copy of the arguments. If one cannot be made, the others are ended and the error of the
/// first that failed, in the order of the result, comes. With `per_env` the Names are in the order of the Envs, with `anywhere`
/// they go round the Envs.
template <class T, class... A>
Future<std::vector<Name<T>>> create(PerEnv place, A&&... args) {
  detail::check_creatable<T, detail::Argument<A>...>();
  return spawn(detail::create_each<T>(detail::spread_per_env(place.count), std::move(place.tag), place.own_thread,
                                      std::tuple<detail::Argument<A>...>(std::forward<A>(args)...)));
}
template <class T, class... A>
Future<std::vector<Name<T>>> create(Anywhere place, A&&... args) {
  detail::check_creatable<T, detail::Argument<A>...>();
  return spawn(detail::create_each<T>(detail::spread_anywhere(place.count), std::move(place.tag), place.own_thread,
                                      std::tuple<detail::Argument<A>...>(std::forward<A>(args)...)));
}

}  // namespace corps
