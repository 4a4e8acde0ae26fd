#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/call_cycle.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/hooks.hpp"
#include "env/mail/internal/select.hpp"
#include "env/mail/internal/workers.hpp"

namespace corps::detail {

namespace {
/// How much later it may be than a Worker's clock says: a turn, and what the clock itself is late.
constexpr std::int64_t clock_late_ns_max = 1'000'000;
}  // namespace

Request::~Request() {
  if (frame) frame.destroy();
}

// --- at the target -----------------------------------------------------------------------------------------------

void Request::arrive(Cell& cell) {
  if (kind == EnvelopeKind::answer)
    come_home(cell);
  else
    serve(cell);
}

void Request::serve(Cell& cell) {
  // The Worker's clock may be late: near the deadline the exact time counts.
  if (deadline_ns < never_ns - clock_late_ns_max && deadline_ns <= cell.now_ns + clock_late_ns_max) [[unlikely]]
    cell.now_ns = now_ns();
  bool const too_late = deadline_ns != never_ns && deadline_ns <= cell.now_ns;
  if (too_late || ((caller != nullptr || origin != nullptr) && !begin()) || (relays && is_cancelled())) [[unlikely]] {
    cell.exiting = cell.exiting || cell.object == nullptr;  // it would have been constructed by this request
    return bounce(mail::not_begun_in_time(*this, cell.address()));
  }
  server = &cell;
  counted = true;
  ++cell.busy;
  cell.context = {deadline_ns, this};
  cell.doing.store(method, std::memory_order_relaxed);
  if (cell.hooks != 0 && !mail::before_request(cell, *this)) [[unlikely]]
    return;
  invoke(cell);
}

void Request::give_back(ErrorInfo info) noexcept {
  leave_server();
  server = nullptr;
  bounce(std::move(info));
}

void Request::begin_frame(std::coroutine_handle<> coroutine) noexcept {
  frame = coroutine;
  server->started(*this);
}

void Request::fail(ErrorInfo info) noexcept {
  error = std::make_unique<ErrorInfo>(std::move(info));
  finish();
}

namespace {

/// In a catch block. A Timeout that leaves a method once the deadline of its own request has passed says no more than that:
/// its caller is told so, whether it has seen the deadline pass by itself or not.
bool own_deadline_was_thrown(Request const& request) noexcept {
  if (request.server == nullptr || request.deadline_ns == never_ns || request.deadline_ns > now_ns()) return false;
  try {
    throw;
  } catch (Timeout const&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void Request::note_current_exception() noexcept {
  auto info = describe_thrown(std::current_exception());
  if (own_deadline_was_thrown(*this)) info = mail::timed_out(*this, server->address());
  if (info.code == Errc::remote && method != nullptr && server != nullptr)
    info.chain.push_back(fmt::format("{} at {}", readable(*method), to_string(server->address())));
  error = std::make_unique<ErrorInfo>(std::move(info));
}

void Request::fail_with_current_exception() noexcept {
  note_current_exception();
  finish();
}

void Request::finish() noexcept {
  mail::Receiving* received = nullptr;
  if (server != nullptr && server->hooks != 0) [[unlikely]]
    received = mail::after_request(*server, *this);
  leave_server();
  go_home();
  if (received != nullptr) [[unlikely]]
    received->finish();  // this request is gone; the main loop goes on
}

void Request::pass_on() noexcept {
  mail::Receiving* received = nullptr;
  if (server != nullptr && server->hooks != 0) [[unlikely]]
    received = mail::after_request(*server, *this);
  leave_server();
  server = nullptr;
  if (received != nullptr) [[unlikely]]
    received->finish();
}

void Request::leave_server() noexcept {
  if (server == nullptr) return;
  if (counted) --server->busy;
  counted = false;
  if (server->context.request == this) server->context.request = nullptr;
  server->ended(*this);
}

bool Request::is_cancelled() const noexcept {
  auto const* request = this;
  while (request->origin != nullptr) {
    auto const* const first = request->origin->first_of(*request);
    if (first == nullptr) break;
    request = first;
  }
  return request->progress.load(std::memory_order_relaxed) >= Progress::cancelled;
}

// Who notes the cancel reads where it was handed on only in that state, which is left while that is written.
bool Request::hand_on(HandedOn const& to) noexcept {
  if (caller == nullptr && origin == nullptr) return true;  // nobody waits for it
  auto now = Progress::handed_on;
  if (!progress.compare_exchange_strong(now, Progress::begun, std::memory_order_acq_rel, std::memory_order_acquire) &&
      now != Progress::begun)
    return false;
  handed_on_env = to.to.env;
  handed_on_conc = to.to.conc;
  handed_on_number = to.number;
  now = Progress::begun;
  return progress.compare_exchange_strong(now, Progress::handed_on, std::memory_order_acq_rel, std::memory_order_relaxed);
}

void Request::bounce(ErrorInfo info) noexcept {
  error = std::make_unique<ErrorInfo>(std::move(info));
  go_home();
}

void Request::go_home() noexcept {
  std::unique_ptr<Request> self{this};
  if (method == nullptr) {  // a task: it never left
    home = true;
    if (held) {
      (void)self.release();
      go_on();
    } else if (error != nullptr && error->code != Errc::worker_lost) {
      lost_error(*this, *error);
    }
  } else if (origin != nullptr) {
    origin->answer(std::move(self));
  } else if (caller != nullptr) {
    kind = EnvelopeKind::answer;
    target = caller_id;
    if (caller->push(this) || held) (void)self.release();  // held: see undeliverable
  } else if (error != nullptr && !mail::is_dead_letter(*this)) {
    lost_error(*this, *error);
  }
}

void Request::undeliverable() noexcept {
  if (kind == EnvelopeKind::request) return bounce(no_such_worker({env_facts.env, target}));
  // A Future that outlives its Worker or thread does so against its contract: better a leak than a wild pointer.
  if (!held) delete this;
}

// --- at the caller -----------------------------------------------------------------------------------------------

void Request::come_home(Cell& cell) {
  cell.closed(*this);
  cell.uncount(*this);
  home = true;
  bool const too_late = early != nullptr && early->code != Errc::cancelled && early->code != Errc::call_cycle;
  if (too_late && (error == nullptr || error->code == Errc::remote)) mail::dead_letter(mail::DeadLetter::late_answer, *this);
  if (!held) {
    if (error != nullptr && early == nullptr) lost_error(*this, *error);
    delete this;
  } else if (early == nullptr) {
    go_on();
  }
}

void Request::end_early(ErrorInfo info) noexcept {
  early = std::make_unique<ErrorInfo>(std::move(info));
  if (held) go_on();
}

void Request::go_on() noexcept {
  if (!waiter) {
    if (listener != nullptr) std::exchange(listener, nullptr)->ended(*this);
    return;
  }
  auto& cell = self();
  cell.context = caller_context;
  auto const* const runs = cell.running == nullptr ? nullptr : cell.running->method;
  cell.doing.store(runs == nullptr ? &mail::own_task : runs, std::memory_order_relaxed);
  std::exchange(waiter, nullptr).resume();
}

void Request::drop() noexcept {
  held = false;
  waiter = nullptr;
  listener = nullptr;
  if (!home) return let_go();
  bool const ended_with_its_worker = method == nullptr && error != nullptr && error->code == Errc::worker_lost;
  if (error != nullptr && early == nullptr && !shown && !ended_with_its_worker) lost_error(*this, *error);
  delete this;
}

void Request::take_back() noexcept {
  caller->closed(*this);
  caller->uncount(*this);
  delete this;
}

Request& checked(Request* request) {
  if (request == nullptr) throw std::logic_error{"corps: this Future has no call: it never had one, or its value was taken"};
  if (current_cell == nullptr || request->caller_id != current_cell->id.load(std::memory_order_relaxed))
    throw std::logic_error{"corps: a Future is for the Worker, or the thread, that made the call"};
  return *request;
}

void await(Request& request, std::coroutine_handle<> awaiting) {
  auto& cell = *current_cell;
  request.waiter = awaiting;
  request.caller_context = cell.context;
  if (request.since_ns != cell.now_ns) [[unlikely]]
    mail::wait_began_late(cell, request);
}

CallContext adopt(Request& side) {
  auto& cell = self();
  side.caller = &cell;
  side.caller_id = cell.id.load(std::memory_order_relaxed);
  side.server = &cell;
  side.caller_context = cell.context;
  inherit_context(side, cell);
  side.since_ns = cell.now_ns;
  return std::exchange(cell.context, {cell.context.deadline_ns, &side});
}

void not_a_task() {
  throw std::logic_error{"corps: this is no Task that can run: it was default-constructed, moved from, or awaited before"};
}

}  // namespace corps::detail
