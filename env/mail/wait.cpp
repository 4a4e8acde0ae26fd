#include <algorithm>
#include <stdexcept>

#include "corps/detail/runtime.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/park.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/sched/internal/scheduler.hpp"

namespace corps::detail {

constinit thread_local Cell* current_cell = nullptr;

namespace {

/// A plain thread's mailbox, closed when the thread ends.
struct Port {
  Port() : cell(mail::slab().allocate(ConcId::none)) {
    cell.inbox.store(nullptr, std::memory_order_relaxed);
    current_cell = &cell;
  }
  ~Port() {
    mail::close_mailbox(cell);
    mail::slab().release(cell);
    current_cell = nullptr;
  }
  Port(Port const&) = delete;
  Port& operator=(Port const&) = delete;
  Cell& cell;
};

void serve_what_came_home(Cell& cell, Request const& request) {
  while (!request.ended()) {
    auto* const envelope = cell.take_arrived();
    if (envelope == nullptr) return;
    envelope->arrive(cell);
    cell.settle();
  }
}

}  // namespace

Cell& make_port() {
  thread_local Port port;
  return port.cell;
}

void wait_for(Request const& request, std::int64_t until_ns) {
  auto& cell = self();
  if (request.caller != &cell) throw std::logic_error{"corps: a Future is waited for by the Worker or the thread that made the call"};
  serve_what_came_home(cell, request);
  if (request.ended() || until_ns == no_wait) return;
  if (cell.inbox.load(std::memory_order_relaxed) == Cell::closed_mark())
    throw Refused{"a Worker that is ending cannot wait for answers; use on_exit for what needs none"};
  sched::Blocking const blocking{cell};
  while (!request.ended()) {
    auto const now = now_ns();
    if (now >= until_ns) return;
    auto const next_deadline = cell.is_port() ? cell.end_overdue(now) : never_ns;
    if (request.ended()) return;
    mail::park(cell, std::min(until_ns, next_deadline));
    serve_what_came_home(cell, request);
  }
}

}  // namespace corps::detail
