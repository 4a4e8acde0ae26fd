#pragma once

#include <cstdint>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"

/// What the requests of a Worker wait for. All of it is for the Worker's own turn.
namespace corps::mail {

/// A get() that blocks; they nest on their thread.
class Blocked {
 public:
  Blocked(detail::Cell& cell, detail::Request& call, std::int64_t until_ns) noexcept;
  ~Blocked();
  Blocked(Blocked const&) = delete;
  Blocked& operator=(Blocked const&) = delete;

  detail::Cell& cell;
  detail::Request& call;
  detail::Request const* const by;  // on whose behalf; null: a plain thread's
  bool const limited;               // it gives up by itself
  Blocked const* const outer;
};

/// The innermost of this thread, if it is in one.
Blocked const* innermost_get() noexcept;

enum class WaitKind : std::uint8_t { awaits, gets, gets_with_limit };

/// Calls `visit(call, on whose behalf, kind)` for every call, and every Task of the Worker's own, that something in it waits for.
template <class F>
void for_each_wait(detail::Cell& cell, F&& visit) {
  for (auto* call = cell.open; call != nullptr; call = call->open_next)
    if (call->waiter) visit(*call, call->caller_context.request, WaitKind::awaits);
  for (auto* task = cell.running; task != nullptr; task = task->running_next)
    if (task->method == nullptr && task->waiter) visit(*task, task->caller_context.request, WaitKind::awaits);
  for (auto const* get = innermost_get(); get != nullptr; get = get->outer)
    if (&get->cell == &cell) visit(get->call, get->by, get->limited ? WaitKind::gets_with_limit : WaitKind::gets);
}

/// What a request that this Worker runs waits for; null if that is nothing, or one of several, or not for ever.
detail::Request* wait_of(detail::Cell& cell, detail::Request const* by) noexcept;

/// The request that keeps a Worker from beginning others; null if none does.
detail::Request const* serving(detail::Cell& cell) noexcept;

}  // namespace corps::mail
