#include "env/mail/internal/lobby.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <unordered_map>

#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/slab.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::MailboxHead;
using detail::Request;

/// The parked requests of one sender, oldest first, linked by the fields that a running request needs.
struct Line {
  std::uint64_t sender = 0;
  Request* first = nullptr;
  Request* last = nullptr;

  void push_back(Request& request) noexcept {
    request.running_prev = last;
    request.running_next = nullptr;
    (last == nullptr ? first : last->running_next) = &request;
    last = &request;
    request.parked = true;
  }
  void remove(Request& request) noexcept {
    (request.running_prev == nullptr ? first : request.running_prev->running_next) = request.running_next;
    (request.running_next == nullptr ? last : request.running_next->running_prev) = request.running_prev;
    request.running_prev = request.running_next = nullptr;
    request.parked = false;
  }
};

/// The lines at one mailbox; the sender whose turn it is comes first.
class Lines {
 public:
  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }
  std::uint32_t units() const noexcept { return units_; }
  Request& next() const noexcept { return *lines_.front().first; }

  void add(std::uint64_t sender, Request& request) {
    auto [found, is_new] = by_sender_.try_emplace(sender);
    if (is_new) found->second = lines_.insert(lines_.end(), Line{sender});
    found->second->push_back(request);
    ++count_;
    units_ += request.weight;
  }
  void remove(std::uint64_t sender, Request& request) {
    auto const found = by_sender_.find(sender);
    auto const line = found->second;
    line->remove(request);
    --count_;
    units_ -= request.weight;
    if (line->first != nullptr) return;
    lines_.erase(line);
    by_sender_.erase(found);
  }
  /// Nobody else may find them any more.
  void release_all() noexcept {
    for (auto const& line : lines_)
      for (auto* request = line.first; request != nullptr; request = request->running_next) request->parked = false;
  }
  /// Removes the request whose turn it is; the sender's next one comes after those of the others.
  Request& take_next() {
    auto const line = lines_.begin();
    auto& request = *line->first;
    lines_.splice(lines_.end(), lines_, line);
    remove(line->sender, request);
    return request;
  }

 private:
  std::list<Line> lines_;
  std::unordered_map<std::uint64_t, std::list<Line>::iterator> by_sender_;
  std::size_t count_ = 0;
  std::uint32_t units_ = 0;
};

/// Mailboxes that are full are few, so their lines are kept beside the cells, in tables that each have a mutex of their own.
struct Table {
  std::mutex mutex;
  std::unordered_map<Cell const*, Lines> lobbies;
};

Table& table_of(Cell const& cell) {
  constexpr std::size_t tables = 64;
  static auto* const all = new std::array<Table, tables>;  // outlives every thread, as the cells do
  return (*all)[reinterpret_cast<std::uintptr_t>(&cell) / sizeof(Cell) % tables];
}

bool drops_oldest(Cell const& cell) noexcept { return cell.overflow.load(std::memory_order_relaxed) == Overflow::drop_oldest; }

/// Who sent it: a Worker or thread of this Env, or a link.
std::uint64_t sender_of(Cell const& at, Request const& request) noexcept {
  if (drops_oldest(at)) return 0;
  if (request.origin != nullptr) return reinterpret_cast<std::uintptr_t>(request.origin);
  return static_cast<std::uint64_t>(request.caller_id);
}

/// Changes the word of a mailbox. `change` says how, or that it gives up by returning the same word.
template <class F>
MailboxHead update(Cell& cell, F&& change) noexcept {
  auto word = cell.inbox.load(std::memory_order_acquire);
  for (;;) {
    auto const wanted = change(MailboxHead{word}).word();
    if (wanted == word || cell.inbox.compare_exchange_weak(word, wanted, std::memory_order_acq_rel, std::memory_order_acquire))
      return MailboxHead{word};
  }
}

/// What waits to be done until the lock is released.
struct Released {
  ~Released() {
    while (tickets != nullptr) std::exchange(tickets, tickets->running_next)->finish();
  }
  Request* tickets = nullptr;
};

void begin_waiting(Cell& cell, Request& admitted, Released& later) {
  if (!admitted.stands_for_tell) return cell.requests.push_back(&admitted);
  auto& ticket = static_cast<Ticket&>(admitted);
  ticket.told->weight = ticket.weight;
  cell.requests.push_back(ticket.told.release());
  ticket.running_next = later.tickets;
  later.tickets = &ticket;
}

/// Under the lock. How many were admitted.
std::size_t admit_some(Cell& cell, Table& table, Released& later) {
  auto const found = table.lobbies.find(&cell);
  auto const max = cell.mailbox_max.load(std::memory_order_relaxed);
  bool const dropping = drops_oldest(cell);
  // While requests are parked nobody else adds units, and only the Worker takes some off.
  auto const taken = MailboxHead{cell.inbox.load(std::memory_order_acquire)}.units() - cell.room_back;
  std::size_t admitted = 0;
  std::uint32_t added = 0;
  if (found != table.lobbies.end()) {
    auto& lines = found->second;
    auto const fits = [&] {
      if (dropping) return admitted == 0 && cell.requests.empty() && cell.can_begin();  // the others may still be dropped
      return taken + added + lines.next().weight <= max;
    };
    while (!lines.empty() && fits()) {
      auto& request = lines.take_next();
      added += request.weight;
      begin_waiting(cell, request, later);
      ++admitted;
    }
    if (lines.empty()) table.lobbies.erase(found);
  }
  bool const parked = dropping || table.lobbies.contains(&cell);
  update(cell, [&](MailboxHead head) { return head.minus(cell.room_back).plus(added).with_parked(parked); });
  cell.room_back = 0;
  return admitted;
}

/// Under the lock: the oldest make room for one more. They are in the queue `dropped`, linked by `next`.
void make_room(Lines& lines, std::uint32_t units, std::uint32_t max, detail::EnvelopeQueue& dropped) {
  while (!lines.empty() && lines.units() + units > max) dropped.push_back(&lines.take_next());
}

void end_dropped(detail::EnvelopeQueue& dropped, ConcAddr at) noexcept {
  auto* oldest = dropped.take_all();
  while (oldest != nullptr) {
    auto* const next = std::exchange(oldest->next, nullptr);
    static_cast<Request*>(oldest)->bounce(detail::dropped_as_oldest(at));
    oldest = next;
  }
}

}  // namespace

Entered enter(Cell& cell, Request& request) noexcept {
  auto& table = table_of(cell);
  detail::EnvelopeQueue dropped;
  bool wake = false;
  auto entered = Entered::parked;
  auto const policy = cell.overflow.load(std::memory_order_relaxed);
  ConcAddr const at{detail::env_facts.env, request.target};
  {
    std::lock_guard const lock{table.mutex};
    auto const max = cell.mailbox_max.load(std::memory_order_relaxed);
    request.weight = std::min(request.weight, max);  // one that is larger than all the room goes when the mailbox is empty
    auto const before = update(cell, [&](MailboxHead head) {
      if (head.is_closed() || max == 0) {
        entered = Entered::closed;
      } else if (policy == Overflow::drop_oldest) {
        entered = Entered::sent;
        return head.with_parked(true);
      } else if (!head.parked() && head.units() + request.weight <= max && !request.stands_for_tell) {
        entered = Entered::sent;
        request.next = head.newest();
        return head.plus(request.weight).with(&request).woken();
      } else if (policy == Overflow::refuse) {
        entered = Entered::full;
      } else {
        entered = Entered::parked;
        return head.with_parked(true);
      }
      return head;
    });
    if (entered == Entered::parked || (entered == Entered::sent && policy == Overflow::drop_oldest)) {
      auto& lines = table.lobbies[&cell];
      if (policy == Overflow::drop_oldest) make_room(lines, request.weight, max, dropped);
      wake = before.is_idle() && lines.empty();
      lines.add(sender_of(cell, request), request);
      if (wake) wake = update(cell, [](MailboxHead head) { return head.is_idle() ? head.as_awake() : head; }).is_idle();
    } else if (entered == Entered::sent) {
      wake = before.is_idle() || before.is_asleep();
    }
  }
  if (wake) cell.wake();
  end_dropped(dropped, at);
  return entered;
}

void admit(Cell& cell) noexcept {
  Released later;
  auto& table = table_of(cell);
  std::lock_guard const lock{table.mutex};
  admit_some(cell, table, later);
}

bool admit_or_go_idle(Cell& cell) noexcept {
  Released later;
  auto& table = table_of(cell);
  std::lock_guard const lock{table.mutex};
  if (admit_some(cell, table, later) != 0) return false;
  auto const idle = [&](MailboxHead head) { return cell.wakes_for_requests() ? head.as_idle() : head.as_asleep(); };
  return update(cell, [&](MailboxHead head) { return head.is_empty() ? idle(head) : head; }).is_empty();
}

bool withdraw(Request& request) noexcept {
  auto* const cell = slab().place_of(request.sent_to.conc);  // not find: the Worker may have ended just as it came in
  if (cell == nullptr) return false;
  auto& table = table_of(*cell);
  std::lock_guard const lock{table.mutex};
  if (!request.parked) return false;
  auto const found = table.lobbies.find(cell);
  found->second.remove(sender_of(*cell, request), request);
  if (!found->second.empty()) return true;
  table.lobbies.erase(found);
  if (!drops_oldest(*cell)) update(*cell, [](MailboxHead head) { return head.is_closed() ? head : head.with_parked(false); });
  return true;
}

void bring_home(Cell& sender, Request& request) {
  request.kind = detail::EnvelopeKind::answer;
  request.arrive(sender);
}

void close_lobby(Cell& cell) noexcept {
  Lines left;
  {
    auto& table = table_of(cell);
    std::lock_guard const lock{table.mutex};
    auto const found = table.lobbies.find(&cell);
    if (found == table.lobbies.end()) return;
    left = std::move(found->second);
    table.lobbies.erase(found);
    left.release_all();
  }
  while (!left.empty()) left.take_next().undeliverable();
}

std::size_t parked_at(Cell& cell) noexcept {
  auto& table = table_of(cell);
  std::lock_guard const lock{table.mutex};
  auto const found = table.lobbies.find(&cell);
  return found == table.lobbies.end() ? 0 : found->second.size();
}

}  // namespace corps::mail
