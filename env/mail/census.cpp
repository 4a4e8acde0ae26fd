#include "env/mail/internal/census.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/waits.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/mail/internal/workers.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::EnvelopeKind;
using detail::MailboxHead;
using detail::Request;

std::uint64_t id_of(Request const* request) noexcept { return reinterpret_cast<std::uintptr_t>(request); }  // NOLINT

std::string running_method(Cell const& cell) {
  auto const* method = cell.doing.load(std::memory_order_relaxed);
  if (method == nullptr) return {};
  return method == &own_task ? std::string{"a Task of its own"} : detail::readable(*method);
}

CallSeen seen(Cell const& cell, Request const& call, Request const* by) {
  bool const is_task = call.method == nullptr;
  return {.id = id_of(&call),
          .by = id_of(by),
          .method = is_task && !call.running ? std::string{"one of several"} : method_name(call),
          .target = is_task ? cell.address() : call.sent_to,
          .since_ns = call.since_ns,
          .begun = is_task || call.progress.load(std::memory_order_relaxed) != Request::Progress::away};
}

/// In the Worker's turn.
WorkerSeen describe(Cell& cell) {
  WorkerSeen worker{.address = cell.address(), .is_thread = cell.is_port(), .answered = true};
  worker.runs = running_method(cell);
  worker.open_calls = cell.open_calls;
  if (cell.cls != nullptr) worker.cls = cell.cls->name;
  if (auto const* const extra = cell.extra_if_any()) worker.tag = extra->tag;
  cell.look();
  cell.requests.for_each([&](Envelope const&) { ++worker.mailbox; });
  auto const add_request = [&](Request const& request) {
    if (worker.requests.size() < census_requests_max)
      worker.requests.push_back({id_of(&request), method_name(request), request.counted});
  };
  for (auto const* request = cell.running; request != nullptr; request = request->running_next) add_request(*request);
  for (auto const* get = innermost_get(); get != nullptr; get = get->outer)
    if (&get->cell == &cell && get->by != nullptr && !get->by->running) add_request(*get->by);
  for_each_wait(cell, [&](Request& call, Request const* by, WaitKind kind) {
    if (worker.calls.size() == census_calls_max) return;
    auto wait = seen(cell, call, by);
    wait.awaited = true;
    wait.blocks = kind != WaitKind::awaits;
    worker.calls.push_back(std::move(wait));
  });
  auto const waits = worker.calls.size();
  for (auto const* call = cell.open; call != nullptr && worker.calls.size() < waits + census_calls_max; call = call->open_next) {
    auto const same = [&](CallSeen const& known) { return known.id == id_of(call); };
    if (std::any_of(worker.calls.begin(), worker.calls.begin() + static_cast<std::ptrdiff_t>(waits), same)) continue;
    worker.calls.push_back(seen(cell, *call, nullptr));
  }
  return worker;
}

/// What is asked for, and who has been asked and has not answered yet: nobody is asked twice.
class Answers {
 public:
  void expect() {
    std::lock_guard const lock{mutex_};
    ++expected_;
  }
  void add(WorkerSeen worker) {
    std::lock_guard const lock{mutex_};
    workers_.push_back(std::move(worker));
    ended();
  }
  void none() noexcept {
    std::lock_guard const lock{mutex_};
    ended();
  }
  std::vector<WorkerSeen> wait(std::int64_t limit_ns) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, std::chrono::nanoseconds{limit_ns}, [&] { return expected_ == 0; });
    return std::move(workers_);
  }

 private:
  void ended() noexcept {
    if (--expected_ == 0) changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t expected_ = 0;
  std::vector<WorkerSeen> workers_;
};

/// Which Workers have a question in their mailbox that they did not come to: a stuck one holds one at most.
class Asked {
 public:
  bool insert(ConcId id) {
    std::lock_guard const lock{mutex_};
    return ids_.insert(static_cast<std::uint64_t>(id)).second;
  }
  void erase(ConcId id) noexcept {
    std::lock_guard const lock{mutex_};
    ids_.erase(static_cast<std::uint64_t>(id));
  }
  static Asked& instance() {
    static auto* const asked = new Asked;  // Workers may answer until the process ends
    return *asked;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<std::uint64_t> ids_;
};

class Question final : public Envelope {
 public:
  Question(ConcId whom, std::shared_ptr<Answers> answers)
      : Envelope(EnvelopeKind::control), whom_(whom), answers_(std::move(answers)) {
    target = whom;
  }
  void arrive(Cell& cell) override {
    std::unique_ptr<Question> const self{this};
    Asked::instance().erase(whom_);
    answers_->add(describe(cell));
  }
  void undeliverable() noexcept override {
    std::unique_ptr<Question> const self{this};
    Asked::instance().erase(whom_);
    answers_->none();
  }

 private:
  ConcId whom_;
  std::shared_ptr<Answers> answers_;
};

void ask(Cell& cell, ConcId id, std::shared_ptr<Answers> const& answers) {
  if (!Asked::instance().insert(id)) return;
  answers->expect();
  auto* const question = new Question{id, answers};
  if (!cell.push(question)) question->undeliverable();
}

/// As Cell::is_port, from outside.
bool is_port(Cell const& cell) noexcept { return cell.mailbox_max.load(std::memory_order_relaxed) == 0; }
bool waits_in_get(Cell const& cell) noexcept { return cell.wakes.load(std::memory_order_acquire) == detail::Wakes::thread; }

bool is_idle(Cell const& cell) noexcept {
  return cell.busy == 0 && cell.open_calls == 0 && cell.sleeps == 0 && cell.doing.load(std::memory_order_relaxed) == nullptr &&
         MailboxHead{cell.inbox.load(std::memory_order_relaxed)}.is_idle();
}

/// What can be known of one that did not answer.
WorkerSeen seen_from_outside(Cell const& cell, ConcId id) {
  WorkerSeen worker{.address = {detail::env_facts.env, id}};
  worker.is_thread = is_port(cell);
  worker.runs = running_method(cell);
  worker.open_calls = cell.open_calls;
  worker.mailbox = MailboxHead{cell.inbox.load(std::memory_order_relaxed)}.units();
  return worker;
}

}  // namespace

Census take_census(std::int64_t limit_ns) {
  Census census;
  auto const answers = std::make_shared<Answers>();
  std::vector<std::pair<Cell const*, ConcId>> asked;
  std::vector<std::pair<Cell const*, ConcId>> silent;  // threads that look into their mailbox when they like
  slab().for_each([&](Cell& cell) {
    auto const id = cell.id.load(std::memory_order_acquire);
    if (id == ConcId::none || cell.is_closed()) return;
    if (is_port(cell) && !waits_in_get(cell)) {
      if (cell.open_calls != 0 || cell.sleeps != 0) silent.emplace_back(&cell, id);
    } else if (is_idle(cell)) {
      ++census.idle;
    } else if (asked.size() == census_workers_max) {
      ++census.not_asked;
    } else {
      asked.emplace_back(&cell, id);
      ask(cell, id, answers);
    }
  });
  census.workers = answers->wait(limit_ns);
  std::unordered_set<std::uint64_t> known;
  for (auto const& worker : census.workers) known.insert(static_cast<std::uint64_t>(worker.address.conc));
  silent.insert(silent.end(), asked.begin(), asked.end());
  for (auto const& [cell, id] : silent) {
    if (known.contains(static_cast<std::uint64_t>(id)) || cell->id.load(std::memory_order_acquire) != id) continue;
    census.workers.push_back(seen_from_outside(*cell, id));
  }
  std::erase_if(census.workers, [&](WorkerSeen const& worker) {
    bool const idle =
        worker.answered && worker.requests.empty() && worker.calls.empty() && worker.mailbox == 0 && worker.runs.empty();
    census.idle += idle ? 1 : 0;
    return idle;
  });
  std::ranges::sort(census.workers, {}, [](WorkerSeen const& worker) { return worker.address.conc; });
  return census;
}

}  // namespace corps::mail
