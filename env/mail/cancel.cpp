#include "corps/cancel.hpp"

#include <new>

#include "corps/detail/cell.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/cancel.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/within.hpp"

namespace corps {

namespace detail {
namespace {

using Progress = Request::Progress;

void stop_cancelled(Cell& cell);

/// The urgent hint that some request which the Worker has begun was cancelled.
struct Hint final : Envelope {
  Hint() : Envelope(EnvelopeKind::control) {}
  void arrive(Cell& cell) override {
    delete this;
    stop_cancelled(cell);
    cell.settle();
  }
  void undeliverable() noexcept override { delete this; }
};

void tell_target(Request const& request, Request::Cancel how) noexcept {
  if (how == Request::Cancel::noted_where_handed_on) return mail::tell_of_cancel(request.handed_on());
  auto const [env, conc] = request.sent_to;
  if (env == env_facts.env)
    mail::tell_of_cancel(conc);
  else if (request.origin_call != 0)  // else it is no call of a method
    mail::cancel_in_other_env(env, request.origin_call);
}

/// It, and who serves it, will know from now on. Whether it may have begun.
Ran mark(Request& request) noexcept {
  if (request.method == nullptr) {  // a Task of this Worker
    request.progress.store(Progress::cancelled, std::memory_order_release);
    return Ran::maybe;
  }
  if (request.give_up()) return Ran::no;
  tell_target(request, request.note_cancel());
  return Ran::maybe;
}

void end_cancelled(Cell& cell, Request& request) {
  bool const withdrawn = request.was_parked && mail::withdraw(request);
  if (request.stands_for_tell && !withdrawn) return;  // the tell has just gone in: the answer is on its way
  auto const ran = mark(request);
  cell.closed(request);
  request.end_early(mail::cancelled(request, ran));  // whoever waits goes on, and may free it, unless it was withdrawn
  if (withdrawn) mail::bring_home(cell, request);
}

/// What the code of a request waits for, if it waits.
Request* wait_of(Cell& cell, Request const& request) noexcept {
  for (auto* call = cell.open; call != nullptr; call = call->open_next)
    if (call->waiter && call->caller_context.request == &request && !call->landed) return call;
  for (auto* task = cell.running; task != nullptr; task = task->running_next)
    if (task->method == nullptr && task->waiter && task->caller_context.request == &request) return task;
  return nullptr;
}

/// Whether the request was cancelled, or the one that it stands for, and did not know. It does now.
bool is_news(Request& request) noexcept {
  auto now = Progress::cancelled;
  if (request.progress.compare_exchange_strong(now, Progress::told, std::memory_order_acq_rel, std::memory_order_relaxed))
    return true;
  return request.relays && now == Progress::begun && request.is_cancelled() &&
         request.progress.compare_exchange_strong(now, Progress::told, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// Ends what the cancelled requests of this Worker wait for, once for each.
void stop_cancelled(Cell& cell) {
  for (auto* request = cell.running; request != nullptr;) {
    if (!is_news(*request)) {
      request = request->running_next;
      continue;
    }
    if (auto* const wait = wait_of(cell, *request)) end_cancelled(cell, *wait);
    request = cell.running;  // the Worker's code may have changed the list
  }
}

}  // namespace

void cancel(Request& request) {
  if (request.ended() || request.landed) return;
  auto& cell = self();
  mail::Within const within{cell};
  bool const is_task = request.method == nullptr;
  end_cancelled(cell, request);
  if (is_task) stop_cancelled(cell);
  cell.settle();
}

}  // namespace detail

namespace mail {

void cancel_task(detail::Cell& cell, detail::Request& task) {
  task.progress.store(detail::Progress::cancelled, std::memory_order_release);
  detail::stop_cancelled(cell);
}

void tell_of_cancel(detail::HandedOn const& served_by) noexcept {
  if (served_by.number == 0)
    tell_of_cancel(served_by.to.conc);
  else
    cancel_in_other_env(served_by.to.env, served_by.number);
}

void tell_of_cancel(ConcId served_by) noexcept {
  auto* const cell = detail::find(served_by);
  if (cell == nullptr) return;
  auto* const hint = new (std::nothrow) detail::Hint;
  if (hint == nullptr) return;  // the method may still look at its token
  hint->target = served_by;
  if (!cell->push(hint)) delete hint;
}

}  // namespace mail

CancelToken my_cancel() noexcept {
  auto const* const cell = detail::current_cell;
  if (cell == nullptr || cell->context.request == nullptr) return {};
  return CancelToken{*cell->context.request};
}

bool cancelled() noexcept { return my_cancel().cancelled(); }

}  // namespace corps
