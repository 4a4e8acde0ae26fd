#include <algorithm>
#include <stdexcept>

#include "corps/detail/runtime.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/park.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/waits.hpp"
#include "env/mail/internal/within.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/sched/internal/scheduler.hpp"

namespace corps::detail {

constinit thread_local Cell* current_cell = nullptr;

namespace {

/// A plain thread's mailbox, closed when the thread ends.
struct Port {
  Port() : cell(mail::slab().allocate(ConcId::none)) {
    cell.inbox.store(MailboxHead::awake().word(), std::memory_order_relaxed);
    current_cell = &cell;
  }
  ~Port() {
    mail::close_port(cell);
    current_cell = nullptr;
    closed = true;
  }
  Port(Port const&) = delete;
  Port& operator=(Port const&) = delete;
  Cell& cell;
  static constinit thread_local bool closed;
};
constinit thread_local bool Port::closed = false;

void serve_what_came_home(Cell& cell, Request const& request) {
  while (!request.ended()) {
    auto* const envelope = cell.take_arrived();
    if (envelope == nullptr) return;
    if (envelope->target != cell.id.load(std::memory_order_relaxed)) {
      envelope->undeliverable();
      continue;
    }
    envelope->arrive(cell);
    cell.settle();
  }
}

/// A Worker gets a tick for this; a plain thread looks itself.
void end_overdue_calls_of_port(Cell& cell) {
  if (cell.is_port() && cell.now_ns >= cell.armed_ns) cell.armed_ns = cell.end_overdue(cell.now_ns);
}

}  // namespace

Cell& make_port() {
  if (Port::closed) throw Refused{"this thread is ending, so it cannot make calls any more"};
  thread_local Port port;
  return port.cell;
}

bool make_room(Cell& caller) noexcept {
  if (!caller.is_port()) return false;
  caller.look();
  caller.free_dropped();
  return caller.open_calls < env_facts.open_calls_max;
}

void settle_within(CallContext const& context) {
  auto& cell = self();
  cell.context = context;
  mail::Within const within{cell};
  cell.settle();
}

bool look_for(Request& request) {
  if (request.ended() || request.landed) return true;
  auto& cell = self();
  cell.look();
  if (request.landed || request.method == nullptr) return request.landed;
  if (request.deadline_ns == never_ns || now_ns() < request.deadline_ns) return false;
  mail::Within const within{cell};
  cell.end_call(request);
  return true;
}

void wait_for(Request& request, std::int64_t until_ns) {
  if (request.ended()) return;
  auto& cell = self();
  mail::Within const within{cell};
  serve_what_came_home(cell, request);
  if (request.ended()) return;
  if (cell.is_closed()) throw Refused{"a Worker that is ending cannot wait for answers; use on_exit for what needs none"};
  sched::Blocking blocking{cell};
  mail::Blocked const blocked{cell, request, until_ns};
  while (!request.ended()) {
    cell.now_ns = now_ns();
    if (cell.now_ns >= until_ns) return;
    end_overdue_calls_of_port(cell);
    if (request.ended()) return;
    blocking.give_away();
    mail::park(cell, cell.is_port() ? std::min(until_ns, cell.armed_ns) : until_ns);
    serve_what_came_home(cell, request);
  }
  cell.now_ns = now_ns();
}

}  // namespace corps::detail
