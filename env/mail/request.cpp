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
#include "env/mail/internal/errors.hpp"

namespace corps::detail {

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
  cell.queued.fetch_sub(1, std::memory_order_relaxed);
  if (deadline_ns <= cell.now_ns) return bounce(mail::not_begun_in_time(*this, cell.address()));
  server = &cell;
  counted = true;
  ++cell.busy;
  cell.context.deadline_ns = deadline_ns;
  cell.doing.store(method, std::memory_order_relaxed);
  invoke(cell);
}

void Request::begin_frame(std::coroutine_handle<> coroutine) noexcept {
  frame = coroutine;
  server->started(*this);
}

void Request::fail(ErrorInfo info) noexcept {
  error = std::make_unique<ErrorInfo>(std::move(info));
  finish();
}

void Request::note_current_exception() noexcept {
  auto info = describe_thrown(std::current_exception());
  if (info.code == Errc::remote && method != nullptr && server != nullptr)
    info.chain.push_back(fmt::format("{} at {}", readable(*method), to_string(server->address())));
  error = std::make_unique<ErrorInfo>(std::move(info));
}

void Request::fail_with_current_exception() noexcept {
  note_current_exception();
  finish();
}

void Request::finish() noexcept {
  leave_server();
  go_home();
}

void Request::leave_server() noexcept {
  if (server == nullptr) return;
  if (counted) --server->busy;
  counted = false;
  server->ended(*this);
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
    if (caller->push(this)) (void)self.release();
  } else if (error != nullptr) {
    lost_error(*this, *error);
  }
}

void Request::undeliverable() noexcept {
  if (kind == EnvelopeKind::request) return bounce(no_such_worker({env_facts.env, target}));
  if (!held) delete this;  // else a Future outlived its Worker, against its contract: better a leak than a wild pointer
}

// --- at the caller -----------------------------------------------------------------------------------------------

void Request::come_home(Cell& cell) {
  cell.closed(*this);
  --cell.open_calls;
  home = true;
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
  if (!waiter) return;
  auto& cell = self();
  cell.context = caller_context;
  cell.doing.store(cell.running == nullptr ? nullptr : cell.running->method, std::memory_order_relaxed);
  std::exchange(waiter, nullptr).resume();
}

void Request::drop() noexcept {
  held = false;
  waiter = nullptr;
  if (!home) return;
  if (error != nullptr && !shown) lost_error(*this, *error);
  delete this;
}

Request& checked(Request* request) {
  if (request == nullptr) throw std::logic_error{"corps: this Future has no call: it never had one, or its value was taken"};
  return *request;
}

void await(Request& request, std::coroutine_handle<> awaiting) {
  auto& cell = self();
  if (request.caller != &cell) throw std::logic_error{"corps: a Future is awaited by the Worker that made the call"};
  request.waiter = awaiting;
  request.caller_context = cell.context;
}

void adopt(Request& side) {
  auto& cell = self();
  side.caller = &cell;
  side.server = &cell;
  side.caller_context = cell.context;
}

}  // namespace corps::detail
