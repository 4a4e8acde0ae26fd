#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>

#include "corps/detail/envelope.hpp"

namespace corps::detail {

inline constexpr std::int64_t no_wait = 0;

/// Throws std::logic_error for a Future without a call: never given one, or its value was taken.
Request& checked(Request* request);

inline bool ended(Request* request) { return checked(request).ended(); }

/// Lets the coroutine go on when the request has ended. Throws std::logic_error unless the Worker that made the call asks.
void await(Request& request, std::coroutine_handle<> awaiting);

/// Blocks until `request` has ended or the time has come, serving what comes home meanwhile. Throws std::logic_error
/// unless the Worker or thread that made the call asks.
void wait_for(Request const& request, std::int64_t until_ns);

/// Makes a request that is never sent a task of this thread's Worker.
void adopt(Request& side);

/// Throws the Timeout of a get(limit).
[[noreturn]] void not_yet(Request const& request, std::chrono::nanoseconds limit);

}  // namespace corps::detail
