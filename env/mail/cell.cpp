#include "corps/detail/cell.hpp"

#include <algorithm>
#include <coroutine>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/tell.hpp"
#include "env/mail/internal/call_cycle.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/park.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/sched/internal/job.hpp"

namespace corps::detail {

Cell::Cell() { sched::place_job(*this); }
Cell::~Cell() { delete extra_; }

WorkerExtra& Cell::extra() {
  if (extra_ == nullptr) extra_ = new WorkerExtra;
  return *extra_;
}

void Cell::wake() noexcept {
  if (wakes.load(std::memory_order_acquire) == Wakes::thread)
    mail::unpark(*this);
  else
    schedule(*this);
}

ConcAddr Cell::address() const noexcept { return {env_facts.env, id.load(std::memory_order_relaxed)}; }

// --- what arrived ------------------------------------------------------------------------------------------------

Envelope* Cell::take() noexcept {
  bool const only_requests = controls.empty() && answers.empty() && !requests.empty();
  return only_requests && busy == 0 && (hooks & hook_selects) == 0 ? pop_request() : take_by_turns();
}

Envelope* Cell::take_by_turns() noexcept {
  for (;;) {
    if (!controls.empty()) return controls.pop_front();
    bool const may_begin = !requests.empty() && can_begin();
    if (!answers.empty() && !(may_begin && request_next)) {
      request_next = true;
      return answers.pop_front();
    }
    if (may_begin) {
      if ((hooks & hook_selects) != 0) bring_forward_found();
      return pop_request();
    }
    if (!requests.empty() && armed_ns - now_ns > mail::look_pause_ns_max) mail::look_soon(*this);
    if (go_idle()) return nullptr;
    look();
  }
}

Envelope* Cell::take_arrived() noexcept {
  if (controls.empty() && answers.empty()) look();
  if (!controls.empty()) return controls.pop_front();
  return answers.empty() ? nullptr : answers.pop_front();
}

/// Room is given back when the Worker looks into its inbox; within a long batch, a sixteenth of the mailbox at a time.
Envelope* Cell::pop_request() noexcept {
  request_next = false;
  auto* const request = requests.pop_front();
  if (auto const* const following = requests.after(nullptr)) __builtin_prefetch(following, 1);
  room_back += request->weight;
  if (room_back * 16 >= mailbox_max.load(std::memory_order_relaxed)) look();
  return request;
}

bool Cell::go_idle() noexcept {
  MailboxHead const head{inbox.load(std::memory_order_acquire)};
  if (!head.is_empty()) return false;
  if (head.parked()) return mail::admit_or_go_idle(*this);
  auto const given = std::exchange(room_back, 0);  // before the cell is somebody else's
  auto word = head.word();
  auto const room = head.minus(given);
  if (inbox.compare_exchange_strong(word, (wakes_for_requests() ? room.as_idle() : room.as_asleep()).word(),
                                    std::memory_order_acq_rel, std::memory_order_relaxed))
    return true;
  room_back = given;
  return false;
}

namespace {

/// A part of what has arrived, in the order of arrival.
struct Segment {
  void push_front(Envelope* envelope) noexcept {
    envelope->next = first;
    first = envelope;
    if (last == nullptr) last = envelope;
  }
  void append_to(EnvelopeQueue& queue) const noexcept {
    if (last != nullptr) queue.append(first, last);
  }
  Envelope* first = nullptr;
  Envelope* last = nullptr;
};

}  // namespace

/// A single request that is begun at once need not be counted any longer.
std::uint32_t Cell::weight_if_next(Envelope const* newest) const noexcept {
  bool const is_next = newest != nullptr && newest->next == nullptr && is_request(newest->kind) && requests.empty() &&
                       answers.empty() && can_begin();
  return is_next ? newest->weight : 0;
}

namespace {

/// They came after the tick: those that are overdue when it is handled were not answered in time.
void mark_after_tick(Envelope* answer) noexcept {
  for (; answer != nullptr; answer = answer->next) static_cast<Request*>(answer)->after_tick = true;
}

}  // namespace

void Cell::look() noexcept {
  auto word = inbox.load(std::memory_order_acquire);
  MailboxHead head;
  std::uint32_t given = 0;
  do {
    head = MailboxHead{word};
    if (head.is_closed() || (head.is_empty() && room_back == 0)) return;
    given = room_back + weight_if_next(head.newest());
  } while (!inbox.compare_exchange_weak(word, head.minus(given).as_awake().word(), std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  if (given != room_back) head.newest()->weight = 0;
  room_back = 0;
  Segment controls_arrived;
  Segment answers_arrived;
  Segment requests_arrived;
  for (auto* envelope = head.newest(); envelope != nullptr;) {
    auto* const next = envelope->next;
    switch (envelope->kind) {
      case EnvelopeKind::request: requests_arrived.push_front(envelope); break;
      case EnvelopeKind::tell:
        if ((hooks & hook_selects) != 0) [[unlikely]]
          envelope = &static_cast<SmallTell*>(envelope)->grow();  // it is looked at before its turn comes
        requests_arrived.push_front(envelope);
        break;
      case EnvelopeKind::answer:
        static_cast<Request*>(envelope)->landed = true;
        answers_arrived.push_front(envelope);
        break;
      case EnvelopeKind::control:
        if (extra_if_any() != nullptr && envelope == &extra_if_any()->tick) mark_after_tick(answers_arrived.first);
        controls_arrived.push_front(envelope);
        break;
    }
    envelope = next;
  }
  controls_arrived.append_to(controls);
  answers_arrived.append_to(answers);
  requests_arrived.append_to(requests);
  if ((hooks & hook_selects) != 0 && requests_arrived.last != nullptr) [[unlikely]]
    watch_deadlines(requests_arrived.first);
  if (head.parked()) mail::admit(*this);
  if (requests_arrived.last != nullptr && !can_begin() && armed_ns - now_ns > mail::look_within_ns) mail::look_soon(*this);
}

void Cell::free_dropped() noexcept {
  auto* answer = answers.take_all();
  while (answer != nullptr) {
    auto* const next = answer->next;
    if (answer->target == id.load(std::memory_order_relaxed) && !static_cast<Request*>(answer)->held)
      answer->arrive(*this);
    else
      answers.push_back(answer);
    answer = next;
  }
}

void Cell::reset() noexcept {
  object = nullptr;
  cls = nullptr;
  context = {};
  open_calls = 0;
  sleeps = 0;
  busy = 0;
  interleaved = exiting = constructing = expects_object = request_next = false;
  how = {};
  hooks = 0;
  probing = Probing::no;
  room_back = 0;
  armed_ns = never_ns;
  now_ns = 0;
  mgr_env = 0;
  mgr_conc = ConcId::none;
  delete std::exchange(extra_, nullptr);
  mailbox_max.store(0, std::memory_order_relaxed);
  wakes.store(Wakes::scheduler, std::memory_order_relaxed);
  doing.store(nullptr, std::memory_order_relaxed);
}

// --- calls made --------------------------------------------------------------------------------------------------

void Cell::opened(Request& request) noexcept {
  request.opened = true;
  request.open_prev = open_last;
  request.open_next = nullptr;
  (open_last == nullptr ? open : open_last->open_next) = &request;
  open_last = &request;
  ++counter_of(request);
}

void Cell::closed(Request& request) noexcept {
  if (!request.opened) return;
  request.opened = false;
  (request.open_prev == nullptr ? open : request.open_prev->open_next) = request.open_next;
  (request.open_next == nullptr ? open_last : request.open_next->open_prev) = request.open_prev;
}

void Cell::end_call(Request& request) {
  closed(request);
  bool const withdrawn = request.was_parked && mail::withdraw(request);
  if (request.stands_for_tell) {
    if (!withdrawn) return;  // the tell has just gone in: the answer is on its way
    request.end_early(mail::no_room_in_time(request));
  } else {
    bool const not_begun = request.give_up();
    request.end_early(not_begun ? mail::not_begun_in_time(request, request.sent_to) : mail::timed_out(request, request.sent_to));
  }
  if (withdrawn) mail::bring_home(*this, request);
  settle();
}

std::int64_t Cell::end_overdue(std::int64_t now) {
  auto earliest = never_ns;
  for (auto* request = open; request != nullptr;) {
    bool const in_time = request->landed && !request->after_tick;
    if (request->deadline_ns > now || in_time) {
      if (!request->landed) earliest = std::min(earliest, request->deadline_ns);
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

void Cell::answer_ended() noexcept {
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
