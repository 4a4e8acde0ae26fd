#pragma once

#include <chrono>
#include <cstdint>

#include "corps/address.hpp"
#include "corps/future.hpp"
#include "corps/name.hpp"

namespace corps {

namespace detail {
Future<bool> alive(ConcAddr address, std::int64_t limit_ns);
}

/// Whether a Worker lives, and goes on: it is asked by an urgent message, which it answers itself, between two steps of its code
/// and before all requests that wait, also while it waits in a co_await or a get(). False: it has ended, or its Env has. Timeout:
/// it lives, or did, but has been in the middle of one step for longer than the limit, or the way to its Env is slow. Overloaded
/// as for a call. Its mailbox need not have room, and its class need not offer anything.
///
/// Threads: any, as a call; it counts as an open call. Dropping the Future stops nothing.
template <class T>
Future<bool> alive(Name<T> const& name) {
  return detail::alive(name.address(), -1);
}
/// The same, with a limit in place of `limits.request_timeout`.
template <class T>
Future<bool> alive(Name<T> const& name, std::chrono::nanoseconds limit) {
  return detail::alive(name.address(), limit.count() < 0 ? 0 : limit.count());
}

}  // namespace corps
