#include "corps/detail/cell.hpp"

#include <algorithm>
#include <coroutine>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/park.hpp"
#include "env/sched/internal/job.hpp"

namespace corps::detail {

Cell::Cell() { sched::place_job(*this); }
Cell::~Cell() = default;

void Cell::wake() noexcept {
  if (wakes.load(std::memory_order_acquire) == Wakes::thread)
    mail::unpark(*this);
  else
    schedule(*this);
}

ConcAddr Cell::address() const noexcept { return {env_facts.env, id.load(std::memory_order_relaxed)}; }

// --- what arrived ------------------------------------------------------------------------------------------------

Envelope* Cell::take() noexcept {
  for (;;) {
    if (waiting != nullptr && can_begin()) return pop_waiting();
    while (batch != nullptr) {
      auto* const envelope = pop_batch();
      if (envelope->kind != EnvelopeKind::request || can_begin()) return envelope;
      keep_waiting(envelope);
    }
    auto* head = inbox.load(std::memory_order_acquire);
    if (head == nullptr) {
      if (inbox.compare_exchange_strong(head, idle_mark(), std::memory_order_acq_rel, std::memory_order_relaxed)) return nullptr;
      continue;
    }
    refill(inbox.exchange(nullptr, std::memory_order_acq_rel));
  }
}

Envelope* Cell::take_arrived() noexcept {
  for (;;) {
    while (batch != nullptr) {
      auto* const envelope = pop_batch();
      if (envelope->kind != EnvelopeKind::request) return envelope;
      keep_waiting(envelope);
    }
    auto* const head = inbox.load(std::memory_order_acquire);
    if (head == nullptr || head == closed_mark()) return nullptr;
    refill(inbox.exchange(nullptr, std::memory_order_acq_rel));
  }
}

void Cell::refill(Envelope* newest_first) noexcept {
  while (newest_first != nullptr) {
    auto* const next = newest_first->next;
    newest_first->next = batch;
    batch = newest_first;
    newest_first = next;
  }
}

Envelope* Cell::pop_batch() noexcept {
  auto* const envelope = batch;
  batch = envelope->next;
  envelope->next = nullptr;
  return envelope;
}

Envelope* Cell::pop_waiting() noexcept {
  auto* const envelope = waiting;
  waiting = envelope->next;
  if (waiting == nullptr) waiting_last = nullptr;
  envelope->next = nullptr;
  return envelope;
}

void Cell::keep_waiting(Envelope* request) noexcept {
  (waiting == nullptr ? waiting : waiting_last->next) = request;
  waiting_last = request;
}

// --- calls made --------------------------------------------------------------------------------------------------

void Cell::opened(Request& request) noexcept {
  request.opened = true;
  request.open_prev = open_last;
  request.open_next = nullptr;
  (open_last == nullptr ? open : open_last->open_next) = &request;
  open_last = &request;
  ++open_calls;
}

void Cell::closed(Request& request) noexcept {
  if (!request.opened) return;
  request.opened = false;
  (request.open_prev == nullptr ? open : request.open_prev->open_next) = request.open_next;
  (request.open_next == nullptr ? open_last : request.open_next->open_prev) = request.open_prev;
}

std::int64_t Cell::end_overdue(std::int64_t now) {
  auto earliest = never_ns;
  for (auto* request = open; request != nullptr;) {
    if (request->deadline_ns > now) {
      earliest = std::min(earliest, request->deadline_ns);
      request = request->open_next;
      continue;
    }
    closed(*request);
    request->end_early(mail::timed_out(*request));  // may run the Worker's code, which may change the list
    settle();
    request = open;
    earliest = never_ns;
  }
  return earliest;
}

// --- requests served ---------------------------------------------------------------------------------------------

void Cell::started(Request& request) noexcept {
  request.running = true;
  request.running_prev = nullptr;
  request.running_next = running;
  if (running != nullptr) running->running_prev = &request;
  running = &request;
}

void Cell::ended(Request& request) noexcept {
  if (!request.running) return;
  request.running = false;
  (request.running_prev == nullptr ? running : request.running_prev->running_next) = request.running_next;
  if (request.running_next != nullptr) request.running_next->running_prev = request.running_prev;
}

void Cell::settle() noexcept {
  while (frames_ended != nullptr) {
    auto& request = *frames_ended;
    frames_ended = request.ended_next;
    try {
      request.collect();
    } catch (...) {
      request.note_current_exception();
    }
    std::exchange(request.frame, nullptr).destroy();
    request.finish();
  }
}

void frame_ended(Request& request) noexcept {
  auto& cell = *request.server;
  request.ended_next = cell.frames_ended;
  cell.frames_ended = &request;
}

}  // namespace corps::detail
