#include "env/mail/internal/waits.hpp"

#include "env/mail/internal/call_cycle.hpp"

namespace corps::mail {

using detail::Cell;
using detail::Request;

namespace {
constinit thread_local Blocked const* innermost = nullptr;
}

Blocked::Blocked(Cell& which, Request& what, std::int64_t until_ns) noexcept
    : cell(which), call(what), by(which.context.request), limited(until_ns != detail::never_ns), outer(innermost) {
  if (call.since_ns != cell.now_ns) wait_began_late(cell, call);
  innermost = this;
}
Blocked::~Blocked() { innermost = outer; }

Blocked const* innermost_get() noexcept { return innermost; }

Request* wait_of(Cell& cell, Request const* by) noexcept {
  Request* found = nullptr;
  int count = 0;
  for_each_wait(cell, [&](Request& call, Request const* whose, WaitKind kind) {
    if (whose != by) return;
    found = &call;
    count += kind == WaitKind::gets_with_limit ? 2 : 1;
  });
  return count == 1 ? found : nullptr;
}

Request const* serving(Cell& cell) noexcept {
  for (auto* request = cell.running; request != nullptr; request = request->running_next)
    if (request->counted) return request;
  for (auto const* get = innermost; get != nullptr; get = get->outer)
    if (&get->cell == &cell && get->by != nullptr && get->by->counted) return get->by;
  return nullptr;
}

}  // namespace corps::mail
