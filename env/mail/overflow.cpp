#include "corps/overflow.hpp"

#include <memory>

#include "corps/detail/cell.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/waiting.hpp"
#include "corps/told.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lobby.hpp"

namespace corps::detail {
namespace {

bool on_plain_thread() noexcept { return current_cell == nullptr || current_cell->is_port(); }

Overflow overflow_of(Cell const& cell) noexcept { return cell.overflow.load(std::memory_order_relaxed); }

std::uint32_t room_of(Cell const& cell) noexcept { return cell.mailbox_max.load(std::memory_order_relaxed); }

/// A plain thread waits for room. Whether the tell went in; else why not is in the log.
void wait_on_thread(Request& tell, std::int64_t limit_ns) noexcept {
  Request* ticket = nullptr;
  try {
    ticket = wait_for_room(tell, limit_ns);
    if (ticket == nullptr) return;
    wait_for(*ticket, never_ns);
  } catch (Error const&) {  // the thread is ending and cannot wait
  }
  if (ticket == nullptr) return refuse_tell(tell);
  if (ticket->failure() != nullptr) mail::dead_letter(mail::DeadLetter::no_room, *ticket);
  ticket->drop();
}

}  // namespace

void overflow(Request& request, Cell* cell, ConcAddr to) noexcept {
  if (cell == nullptr) return request.bounce(no_such_worker(to));
  bool const one_way = request.caller == nullptr && request.origin == nullptr;
  if (one_way && overflow_of(*cell) == Overflow::wait) {  // from another Env: its sender cannot wait here
    bool const closed = room_of(*cell) == 0 || cell->is_closed();
    return request.bounce(closed ? no_such_worker(to) : mailbox_full(to, room_of(*cell)));
  }
  request.was_parked = true;
  switch (mail::enter(*cell, request)) {
    case mail::Entered::sent:
    case mail::Entered::parked: return;
    case mail::Entered::full: return request.bounce(mailbox_full(to, room_of(*cell)));
    case mail::Entered::closed: return request.bounce(no_such_worker(to));
  }
}

Request* no_room(Request& tell, std::int64_t limit_ns) noexcept {
  auto* const cell = find(tell.target);
  bool closed = cell == nullptr || room_of(*cell) == 0 || cell->is_closed();
  if (!closed && overflow_of(*cell) == Overflow::drop_oldest) {
    if (mail::enter(*cell, tell) == mail::Entered::sent) return nullptr;
    closed = true;
  }
  if (!on_plain_thread()) return &tell;
  if (closed || overflow_of(*cell) == Overflow::refuse)
    refuse_tell(tell);
  else
    wait_on_thread(tell, limit_ns);
  return nullptr;
}

Request* wait_for_room(Request& tell, std::int64_t limit_ns) {
  auto const to = tell.sent_to;
  auto* const cell = find(to.conc);
  if (cell != nullptr && cell->push_request<false>(&tell) == Pushed::ok) return nullptr;
  (void)self();  // before the tell is taken over: an ending thread has no port
  auto* const ticket = std::make_unique<mail::Ticket>(std::unique_ptr<Request>{&tell}).release();
  if (!open_call(*ticket, to, limit_ns)) return ticket;
  ticket->was_parked = true;
  auto const entered = cell == nullptr ? mail::Entered::closed : mail::enter(*cell, *ticket);
  if (entered == mail::Entered::full) ticket->bounce(mailbox_full(to, room_of(*cell)));
  if (entered == mail::Entered::closed) ticket->bounce(no_such_worker(to));
  return ticket;
}

void refuse_tell(Request& tell) noexcept {
  std::unique_ptr<Request> const refused{&tell};
  auto* const cell = find(tell.target);
  bool const gone = cell == nullptr || cell->is_closed();
  mail::dead_letter(gone ? mail::DeadLetter::no_worker : mail::DeadLetter::no_room, tell);
}

}  // namespace corps::detail
