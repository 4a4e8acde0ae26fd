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
    look();
  }
}

Envelope* Cell::take_arrived() noexcept {
  for (;;) {
    while (batch != nullptr) {
      auto* const envelope = pop_batch();
      if (envelope->kind != EnvelopeKind::request) return envelope;
      keep_waiting(envelope);
    }
    look();
    if (batch == nullptr) return nullptr;
  }
}

void Cell::look() noexcept {
  auto* newest_first = inbox.load(std::memory_order_acquire);
  if (newest_first == nullptr || newest_first == closed_mark()) return;
  newest_first = inbox.exchange(nullptr, std::memory_order_acq_rel);
  auto* const newest = newest_first;
  Envelope* oldest_first = nullptr;
  while (newest_first != nullptr) {
    if (newest_first->kind == EnvelopeKind::answer) static_cast<Request*>(newest_first)->landed = true;
    auto* const next = newest_first->next;
    newest_first->next = oldest_first;
    oldest_first = newest_first;
    newest_first = next;
  }
  (batch == nullptr ? batch : batch_last->next) = oldest_first;
  batch_last = newest;
}

void Cell::free_dropped() noexcept {
  Envelope* kept_last = nullptr;
  for (auto** place = &batch; *place != nullptr;) {
    auto* const envelope = *place;
    bool const answer = envelope->kind == EnvelopeKind::answer && envelope->target == id.load(std::memory_order_relaxed);
    if (!answer || static_cast<Request*>(envelope)->held) {
      kept_last = envelope;
      place = &envelope->next;
      continue;
    }
    *place = envelope->next;
    envelope->arrive(*this);
  }
  batch_last = kept_last;
}

void Cell::reset() noexcept {
  object = nullptr;
  cls = nullptr;
  context = {};
  open_calls = 0;
  busy = 0;
  interleaved = exiting = constructing = expects_object = false;
  armed_ns = never_ns;
  info = {};
  mailbox_max.store(0, std::memory_order_relaxed);
  doing.store(nullptr, std::memory_order_relaxed);
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

void Cell::end_call(Request& request) {
  closed(request);
  bool const not_begun = request.give_up();
  request.end_early(not_begun ? mail::not_begun_in_time(request, request.sent_to) : mail::timed_out(request));
  settle();
}

std::int64_t Cell::end_overdue(std::int64_t now) {
  auto earliest = never_ns;
  for (auto* request = open; request != nullptr;) {
    if (request->deadline_ns > now) {
      earliest = std::min(earliest, request->deadline_ns);
      request = request->open_next;
      continue;
    }
    end_call(*request);
    request = open;  // the Worker's code may have changed the list
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
