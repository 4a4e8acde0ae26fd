#include "env/mail/internal/workers.hpp"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "corps/conc.hpp"
#include "corps/detail/create.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/name.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/headcount.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/watchers.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/sched/internal/own_threads.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::EnvelopeKind;
using detail::Request;

std::atomic<bool> gate_open{true};
constinit Headcount alive;
std::mutex all_ended_mutex;
std::condition_variable all_ended;

/// The urgent wish that a Worker ends.
struct Exit final : Envelope {
  Exit(ConcAddr who, bool env_stops) : Envelope(EnvelopeKind::control), by(who), env_is_stopping(env_stops) {}
  void arrive(Cell& cell) override {
    if (!cell.is_port() && !std::exchange(cell.exiting, true)) cell.how = how(cell);  // threads end by themselves
    delete this;
  }
  void undeliverable() noexcept override { delete this; }
  EndedHow how(Cell const& cell) const noexcept {
    if (env_is_stopping) return EndedHow::env_stopping;
    if (by == cell.address()) return EndedHow::by_itself;
    return by.conc != ConcId::none && by == cell.mgr() ? EndedHow::by_mgr : EndedHow::by_other;
  }
  ConcAddr by;
  bool env_is_stopping;
};

void ask_to_exit(Cell& cell, ConcId id, ConcAddr by, bool env_stops) {
  auto* exit = new Exit{by, env_stops};
  exit->target = id;
  if (!cell.push(exit)) delete exit;
}

void destroy_running(Cell& cell) noexcept {
  while (cell.running != nullptr) {
    auto& request = *cell.running;
    cell.ended(request);
    std::exchange(request.frame, nullptr).destroy();
    request.server = nullptr;
    if (request.method == nullptr) request.waiter = nullptr;  // a Task of this Worker: nobody goes on in one that ends
    request.fail(ended_while_running(request, cell.address()));
  }
}

void end_left_over(Cell& cell, Envelope* envelope) noexcept {
  while (envelope != nullptr) {
    auto* const next = std::exchange(envelope->next, nullptr);
    if (envelope->kind == EnvelopeKind::answer) cell.closed(static_cast<Request&>(*envelope));
    envelope->undeliverable();
    envelope = next;
  }
}

/// The Worker that made the call ends. If the call still waits for room, nobody answers it any more.
void end_open_call(Cell& cell, Request& request) noexcept {
  cell.closed(request);
  if (!request.was_parked || !withdraw(request)) return;
  if (request.stands_for_tell) dead_letter(DeadLetter::no_room, request);
  if (!request.held) delete &request;
}

/// Closes a mailbox and ends what is in it, and forgets the open calls.
void close_mailbox(Cell& cell) noexcept {
  while (cell.open != nullptr) end_open_call(cell, *cell.open);  // first: once the mailbox is closed, whoever answers frees them
  detail::MailboxHead const head{cell.inbox.exchange(detail::MailboxHead::closed().word(), std::memory_order_seq_cst)};
  end_left_over(cell, cell.controls.take_all());
  end_left_over(cell, cell.answers.take_all());
  end_left_over(cell, cell.requests.take_all());
  end_left_over(cell, head.newest());
  if (head.parked()) close_lobby(cell);
}

}  // namespace

void close_port(Cell& cell) noexcept {
  destroy_running(cell);
  forget_deadlines(cell);
  close_mailbox(cell);
  cell.reset();
  slab().release(cell);
}

void end_worker(Cell& cell) noexcept {
  if (cell.object != nullptr) detail::ConcAccess::on_exit(*cell.object);
  destroy_running(cell);
  delete std::exchange(cell.object, nullptr);
  destroy_running(cell);  // what the destructor may have begun
  forget_deadlines(cell);
  close_mailbox(cell);
  if (cell.wakes.load(std::memory_order_relaxed) == detail::Wakes::thread) sched::own_threads()->worker_ended();
  tell_watchers(cell);
  cell.reset();
  slab().release(cell);
  alive.one_ended();
  if (gate_open.load(std::memory_order_seq_cst) || !alive.none()) return;
  std::lock_guard const lock{all_ended_mutex};
  all_ended.notify_all();
}

void close_gate() noexcept { gate_open.store(false, std::memory_order_seq_cst); }
void open_gate() noexcept { gate_open.store(true, std::memory_order_seq_cst); }

void exit_all() noexcept {
  slab().for_each([](Cell& cell) {
    if (cell.is_closed()) return;  // a later one is asked by begin_worker
    auto const id = cell.id.load(std::memory_order_acquire);
    if (id != ConcId::none) ask_to_exit(cell, id, {}, true);
  });
}

void exit_worker(ConcId id, ConcAddr by) {
  if (auto* const cell = detail::find(id)) ask_to_exit(*cell, id, by, false);
}

bool wait_until_all_ended(std::chrono::nanoseconds limit) {
  constexpr auto have_ended = [] { return alive.none(); };
  if (sched::simulation != nullptr) return sched::simulation->wait(have_ended, limit.count());
  std::unique_lock lock{all_ended_mutex};
  return all_ended.wait_for(lock, limit, have_ended);
}

constinit detail::MethodRecord const own_task{{0, "", "", ""}, nullptr};

std::vector<std::string> busy_workers() {
  std::vector<std::string> lines;
  slab().for_each([&](Cell& cell) {
    auto const* method = cell.doing.load(std::memory_order_relaxed);
    if (method == nullptr) return;
    lines.push_back(fmt::format("{} runs {}", to_string(cell.address()),
                                method == &own_task ? "a Task of its own, such as on_main," : detail::readable(*method)));
  });
  return lines;
}

}  // namespace corps::mail

namespace corps::detail {

namespace {

/// Before its mailbox is opened. Without one, it does not become a Worker.
void give_own_thread(Cell& cell) {
  auto* const threads = sched::own_threads();
  if (threads == nullptr) return;  // under a simulation it is scheduled as any other
  try {
    threads->begin(cell, cell.cls->name);
  } catch (...) {
    cell.reset();
    mail::slab().release(cell);
    throw;
  }
}

/// Fills a cell for the new Worker, and opens its mailbox with the request in it: nothing can come before.
void open_cell(Request& construct, ConcId fixed) {
  if (!mail::gate_open.load(std::memory_order_acquire))
    throw Refused{fmt::format("env {} is stopping and makes no new Workers", env_facts.env)};
  auto const& cls = *construct.method->constructs;
  auto const& info = construct.method->describe_new(construct);
  auto& cell = mail::slab().allocate(fixed);
  auto const id = cell.id.load(std::memory_order_relaxed);
  cell.cls = &cls;
  cell.interleaved = cls.interleaved;
  cell.hooks = cls.hooks;
  if ((cls.hooks & detail::hook_selects) != 0) (void)cell.extra();
  cell.constructing = true;
  cell.mgr_env = info.mgr.env;
  cell.mgr_conc = info.mgr.conc;
  if (!info.tag.empty()) cell.extra().tag = info.tag;
  cell.mailbox_max.store(cls.mailbox != 0 ? cls.mailbox : env_facts.mailbox_max, std::memory_order_relaxed);
  cell.overflow.store(cls.overflow, std::memory_order_relaxed);
  if (info.own_thread) give_own_thread(cell);
  mail::alive.one_began();
  construct.target = id;
  construct.sent_to = {env_facts.env, id};
  construct.next = nullptr;
  auto const head =
      MailboxHead::awake().plus(construct.weight).with(&construct).with_parked(cls.overflow == Overflow::drop_oldest);
  cell.inbox.store(head.word(), std::memory_order_seq_cst);
  cell.wake();  // from here on it may end at any time
  if (!mail::gate_open.load(std::memory_order_seq_cst)) mail::ask_to_exit(cell, id, {}, true);  // exit_all may not have seen it
}

}  // namespace

void begin_worker(Request& construct, ConcId fixed) noexcept {
  try {
    open_cell(construct, fixed);
  } catch (Error const& error) {
    construct.bounce(error.info());
  }
}

void pack_info(Packer& out, WorkerInfo const& info) { out(info); }
WorkerInfo unpack_info(Unpacker& in) {
  WorkerInfo info;
  in(info);
  return info;
}

void send_create(Request& request, EnvId env) {
  ConcAddr const mgr{env, env_mgr_id};
  if (!open_call(request, mgr, default_limit_ns)) return;
  if (env != env_facts.env) return send_away(request, env);
  begin_worker(request);
}

}  // namespace corps::detail

namespace corps {

Conc::Conc() {
  auto* const cell = detail::current_cell;
  if (cell == nullptr || !cell->expects_object) return;  // an object of its own, not a Worker
  cell->expects_object = false;
  my_cell_ = cell;
}
Conc::~Conc() = default;

ConcAddr Conc::my_addr() const noexcept { return my_cell_ == nullptr ? ConcAddr{} : my_cell_->address(); }
std::string_view Conc::my_class() const noexcept { return my_cell_ == nullptr ? std::string_view{} : my_cell_->cls->name; }
std::string const& Conc::my_tag() const noexcept {
  static std::string const none;
  auto const* const extra = my_cell_ == nullptr ? nullptr : my_cell_->extra_if_any();
  return extra == nullptr ? none : extra->tag;
}
Name<Conc> Conc::my_name() const noexcept { return name_of(*this); }
ConcAddr Conc::my_mgr() const noexcept { return my_cell_ == nullptr ? ConcAddr{} : my_cell_->mgr(); }
Config const& Conc::my_config() const noexcept { return detail::app_config(); }

Task<> Conc::on_start() { return {}; }
Task<> Conc::on_main() { return {}; }
void Conc::on_request(Incoming const&) {}
void Conc::on_reply(Incoming const&, ErrorInfo const*) noexcept {}

}  // namespace corps
