#pragma once

#include <memory>
#include <string>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/runtime.hpp"

namespace corps::detail {

// What a call ends with when it cannot even be sent.
ErrorInfo mailbox_full(ConcAddr target, std::uint32_t room);
ErrorInfo dropped_as_oldest(ConcAddr target);
ErrorInfo no_such_worker(ConcAddr target);

inline constexpr std::int64_t default_limit_ns = -1;

inline std::int64_t deadline_after(std::int64_t now, std::int64_t limit_ns) {
  return limit_ns >= never_ns - now ? never_ns : now + limit_ns;
}

/// Delivers a request in this Env, parks it for want of room, or ends it. Takes it over.
inline void deliver(Request& request, Cell* cell, ConcAddr to) noexcept {
  cell = home_of(to.conc, cell);
  if (cell != nullptr && cell->push_request(&request) == Pushed::ok) [[likely]]
    return;
  overflow(request, cell, to);
}

/// Ends a request of a caller that has too many open calls; it stays.
void end_unsent(Request& request);

/// A plain thread at its limit: forgets the calls that have ended and whose Futures were dropped. False: none had.
bool make_room(Cell& caller) noexcept;

/// The context of a plain thread.
void inherit_own_context(Request& request, Cell const& caller) noexcept;

/// Hands the context on in which the Worker makes a call.
inline void inherit_context(Request& request, Cell const& caller) noexcept {
  if (auto const* const by = caller.context.request; by != nullptr) {
    if (by->shared.get() != nullptr) [[unlikely]]
      request.shared = by->shared;
  } else if (caller.extra_if_any() != nullptr) {
    inherit_own_context(request, caller);
  }
}

/// Notes on the caller's side that the request is about to leave. False: it has ended already, and stays.
inline bool open_call(Request& request, ConcAddr to, std::int64_t limit_ns) {
  auto& caller = self();
  std::int64_t now = 0;
  if (limit_ns == default_limit_ns) {
    now = caller.recent_ns();
    limit_ns = env_facts.request_timeout_ns;
  } else {
    now = caller.now_ns = now_ns();
  }
  auto const own_deadline_ns = deadline_after(now, limit_ns);
  request.deadline_ns = own_deadline_ns < caller.context.deadline_ns ? own_deadline_ns : caller.context.deadline_ns;
  request.caller = &caller;
  request.caller_id = caller.id.load(std::memory_order_relaxed);
  request.caller_context = caller.context;
  inherit_context(request, caller);
  request.since_ns = now;
  request.target = to.conc;
  request.sent_to = to;
  request.held = true;
  if (caller.open_calls >= env_facts.open_calls_max && !request.sleeps && !make_room(caller)) [[unlikely]] {
    end_unsent(request);
    return false;
  }
  caller.opened(request);
  if (request.deadline_ns < caller.armed_ns) arm(caller, request.deadline_ns);
  return true;
}

/// Sends a request to another Env. Whether it was begun there cannot be told from here.
inline void send_away(Request& request, EnvId env) noexcept {
  (void)request.begin();
  route(std::unique_ptr<Request>{&request}, env);
}

/// Sends a request whose answer somebody holds a Future for.
inline void send(Request& request, ConcAddr to, Cell* cell, std::int64_t limit_ns) {
  if (!open_call(request, to, limit_ns)) return;
  if (to.env == env_facts.env) [[likely]]
    deliver(request, cell, to);
  else
    send_away(request, to.env);
}

/// Sends a request that wants no answer. Gives it back if it did not go, for whoever may wait for room.
inline Request* send_one_way(std::unique_ptr<Request> request, ConcAddr to, Cell* cell, std::int64_t limit_ns) {
  if (limit_ns != default_limit_ns) request->deadline_ns = deadline_after(now_ns(), limit_ns);
  if (auto const* const caller = current_cell; caller != nullptr) {
    request->caller_id = caller->id.load(std::memory_order_relaxed);
    inherit_context(*request, *caller);
  }
  request->target = to.conc;
  request->sent_to = to;
  if (to.env != env_facts.env) {
    route(std::move(request), to.env);
    return nullptr;
  }
  cell = home_of(to.conc, cell);
  auto* const left = request.release();
  if (cell != nullptr && cell->push_request<false>(left) == Pushed::ok) [[likely]]
    return nullptr;
  return no_room(*left, limit_ns);
}

}  // namespace corps::detail
