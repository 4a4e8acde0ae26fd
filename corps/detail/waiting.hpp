#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>

#include "corps/detail/envelope.hpp"

namespace corps::detail {

/// The request of a Future. Throws std::logic_error if it has none (it was never given one, or its value was taken), or
/// if it belongs to another Worker or thread than the one that asks.
Request& checked(Request* request);

/// Lets the coroutine go on when the request has ended.
void await(Request& request, std::coroutine_handle<> awaiting);

/// Whether it has ended, or will when the Worker looks into its mailbox. Runs nobody's code.
bool look_for(Request& request);

/// Blocks until `request` has ended or the time has come, serving what comes home meanwhile.
[[gnu::hot]] void wait_for(Request& request, std::int64_t until_ns);

/// Ends a call, or a Task, with Cancelled, and with it what that waits for.
void cancel(Request& request);

/// Makes a request that is never sent a task of this thread's Worker, on whose behalf calls are made from now on. Returns
/// the context until then.
CallContext adopt(Request& side);
/// As Cell::settle, in the middle of a step of this thread's Worker that has just begun `side`.
void settle_within(CallContext const& context);

/// Throws the Timeout of a get(limit).
[[noreturn]] void not_yet(Request const& request, std::chrono::nanoseconds limit);

}  // namespace corps::detail
