#include "env/mgr/internal/dump.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "env/boot/internal/config_text.hpp"
#include "env/host/internal/clock.hpp"
#include "env/mail/internal/lost_errors.hpp"

namespace corps::mgr {
namespace {

using mail::CallSeen;
using mail::RequestSeen;
using mail::WorkerSeen;

struct Place {
  WorkerSeen const* worker;
  RequestSeen const* request;
};

struct OpenCall {
  WorkerSeen const* caller;
  CallSeen const* call;
};

/// How what was seen of one Worker leads to what was seen of another.
class Index {
 public:
  explicit Index(Dump const& dump) {
    for (auto const& worker : dump.census.workers) {
      workers_.emplace(worker.address.conc, &worker);
      for (auto const& request : worker.requests) requests_.emplace(request.id, Place{&worker, &request});
      for (auto const& call : worker.calls) calls_.push_back({&worker, &call});
    }
    std::ranges::stable_sort(calls_, {}, [](OpenCall const& open) { return open.call->since_ns; });
    for (auto const& turn : dump.turns)
      if (turn.worker != ConcId::none) turns_.emplace(turn.worker, turn.since_ns);
  }

  std::vector<OpenCall> const& oldest_calls() const noexcept { return calls_; }

  /// Since when the Worker's turn goes on; -1 if it is in none.
  std::int64_t turn_since(WorkerSeen const& worker) const {
    auto const found = turns_.find(worker.address.conc);
    return found == turns_.end() ? -1 : found->second;
  }

  /// What a call waits for at its target: the wait of its request there, or of the one that it is queued behind.
  OpenCall next(OpenCall const& open, RequestSeen const*& behind) const {
    behind = nullptr;
    auto const at = workers_.find(open.call->target.conc);
    if (at == workers_.end()) return {};
    auto const& worker = *at->second;
    auto const own = requests_.find(open.call->id);
    auto const* request = own == requests_.end() ? nullptr : own->second.request;
    if (request == nullptr && !open.call->begun) {
      auto const busy = std::ranges::find(worker.requests, true, &RequestSeen::counted);
      if (busy != worker.requests.end()) behind = request = &*busy;
    }
    if (request == nullptr) return {};
    auto const wait =
        std::ranges::find_if(worker.calls, [&](CallSeen const& call) { return call.awaited && call.by == request->id; });
    return wait == worker.calls.end() ? OpenCall{} : OpenCall{&worker, &*wait};
  }

  std::string caller_of(OpenCall const& open) const {
    auto const by = requests_.find(open.call->by);
    if (by != requests_.end()) return by->second.request->method;
    return open.caller->is_thread ? "a plain thread" : "something";
  }

 private:
  std::unordered_map<ConcId, WorkerSeen const*> workers_;
  std::unordered_map<std::uint64_t, Place> requests_;
  std::unordered_map<ConcId, std::int64_t> turns_;
  std::vector<OpenCall> calls_;
};

std::string seconds(std::int64_t ns) { return fmt::format("{:.3f} s", static_cast<double>(std::max<std::int64_t>(ns, 0)) / 1e9); }

std::string headline(WorkerSeen const& worker) {
  auto line = to_string(worker.address);
  if (worker.is_thread) line += "  (a plain thread)";
  if (!worker.cls.empty()) line += "  " + worker.cls;
  if (!worker.tag.empty()) line += fmt::format(" {}", startup::in_quotes(worker.tag));
  if (worker.mailbox != 0) line += fmt::format(", {} in the mailbox", worker.mailbox);
  if (worker.open_calls != 0) line += fmt::format(", {} calls open", worker.open_calls);
  return line;
}

void add_worker(std::string& text, Dump const& dump, Index const& index, WorkerSeen const& worker) {
  text += headline(worker) + "\n";
  auto const turn = index.turn_since(worker);
  if (!worker.runs.empty() && turn >= 0) text += fmt::format("  runs {}, for {}\n", worker.runs, seconds(dump.now_ns - turn));
  if (!worker.runs.empty() && turn < 0) text += fmt::format("  runs {}\n", worker.runs);
  if (!worker.answered && !worker.is_thread) text += "  did not answer in time: it is in the middle of a turn\n";
  for (auto const& request : worker.requests) {
    auto const waits = [&](CallSeen const& call) { return call.awaited && call.by == request.id; };
    if (std::ranges::none_of(worker.calls, waits)) text += fmt::format("  {} has begun\n", request.method);
    for (auto const& call : worker.calls) {
      if (!waits(call)) continue;
      text += fmt::format("  {} {} {} at {}, for {}\n", request.method, call.blocks ? "is in get() for" : "waits for",
                          call.method, to_string(call.target), seconds(dump.now_ns - call.since_ns));
    }
  }
  for (auto const& call : worker.calls)
    if (call.awaited && call.by == 0)
      text += fmt::format("  waits for {} at {}, for {}\n", call.method, to_string(call.target),
                          seconds(dump.now_ns - call.since_ns));
}

/// "A::f at env 0, conc 4.1 waits for B::g at env 0, conc 5.1, behind B::h, waits for ...".
std::string chain(Index const& index, OpenCall open) {
  auto text = fmt::format("{} at {}", index.caller_of(open), to_string(open.caller->address));
  for (std::size_t i = 0; i < dump_chain_max && open.call != nullptr; ++i) {
    text += fmt::format(" {} {} at {}{}", open.call->awaited ? "waits for" : "has called", open.call->method,
                        to_string(open.call->target), open.call->begun ? "" : " (not begun)");
    RequestSeen const* behind = nullptr;
    auto const next = index.next(open, behind);
    if (behind != nullptr) text += fmt::format(", behind {}", behind->method);
    if (next.call != nullptr) text += ", which";
    open = next;
  }
  return text;
}

std::string json(std::string_view text) { return startup::json_string(std::string{text}); }

std::string address_json(ConcAddr address) {
  return fmt::format("{{\"env\":{},\"conc\":{}}}", address.env, json(to_string(address)));
}

std::string call_json(Dump const& dump, CallSeen const& call) {
  return fmt::format("{{\"method\":{},\"target\":{},\"by\":{},\"seconds\":{:.6f},\"awaited\":{},\"blocks\":{},\"begun\":{}}}",
                     json(call.method), address_json(call.target), call.by,
                     static_cast<double>(dump.now_ns - call.since_ns) / 1e9, call.awaited, call.blocks, call.begun);
}

template <class Range, class F>
std::string list_json(Range const& range, std::size_t max, F&& one) {
  std::string text = "[";
  std::size_t count = 0;
  for (auto const& each : range) {
    if (count++ == max) break;
    text += (count == 1 ? "" : ",") + one(each);
  }
  return text + "]";
}

std::string worker_json(Dump const& dump, Index const& index, WorkerSeen const& worker) {
  auto const turn = index.turn_since(worker);
  return fmt::format(
      "{{\"address\":{},\"class\":{},\"tag\":{},\"thread\":{},\"answered\":{},\"runs\":{},\"runs_seconds\":{:.6f},\"mailbox\":{},"
      "\"open_calls\":{},\"requests\":{},\"calls\":{}}}",
      address_json(worker.address), json(worker.cls), json(worker.tag), worker.is_thread, worker.answered, json(worker.runs),
      turn < 0 ? 0.0 : static_cast<double>(dump.now_ns - turn) / 1e9, worker.mailbox, worker.open_calls,
      list_json(worker.requests, mail::census_requests_max,
                [](RequestSeen const& request) {
                  return fmt::format("{{\"id\":{},\"method\":{}}}", request.id, json(request.method));
                }),
      list_json(worker.calls, mail::census_calls_max, [&](CallSeen const& call) { return call_json(dump, call); }));
}

}  // namespace

std::string time_text() {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::chrono::system_clock::to_time_t(host::Clock::system().wall())));
}

Dump take_dump(std::string name) {
  Dump dump;
  dump.name = std::move(name);
  dump.env = detail::env_facts.env;
  dump.process = ::getpid();
  dump.time = time_text();
  dump.census = mail::take_census(dump_wait_ns);
  dump.lost_errors = mail::lost_errors();
  dump.dead_letters = mail::dead_letters();
  if (auto const* const scheduler = sched::scheduler()) dump.threads = scheduler->counts();
  dump.turns = sched::turns_seen();
  dump.now_ns = detail::now_ns();
  return dump;
}

std::string as_text(Dump const& dump) {
  Index const index{dump};
  auto const& workers = dump.census.workers;
  auto text = fmt::format("dump of env {} of {} (process {}), {}\n", dump.env, dump.name, dump.process, dump.time);
  text += fmt::format("threads: {} run Workers, {} spare ones beside them, {} in get() or blocking()\n", dump.threads.primary,
                      dump.threads.spare, dump.threads.blocked);
  text += fmt::format(
      "lost: {} errors that nobody saw; tells: {} had no Worker to go to, {} no room, {} came too late; {} late answers\n",
      dump.lost_errors, dump.dead_letters[0], dump.dead_letters[1], dump.dead_letters[2], dump.dead_letters[3]);
  text += fmt::format("Workers: {} busy, {} idle\n", workers.size() + dump.census.not_asked, dump.census.idle);
  for (std::size_t i = 0; i < workers.size() && i < dump_workers_max; ++i) add_worker(text, dump, index, workers[i]);
  if (auto const shown = std::min(workers.size(), dump_workers_max); shown < workers.size() + dump.census.not_asked)
    text += fmt::format("and {} more\n", workers.size() + dump.census.not_asked - shown);
  if (!index.oldest_calls().empty()) text += "oldest open calls:\n";
  for (std::size_t i = 0; i < index.oldest_calls().size() && i < dump_calls_max; ++i) {
    auto const& open = index.oldest_calls()[i];
    text += fmt::format("  {}  {}\n", seconds(dump.now_ns - open.call->since_ns), chain(index, open));
  }
  return text;
}

std::string as_json(Dump const& dump) {
  Index const index{dump};
  return fmt::format(
      "{{\"corps\":{},\"env\":{},\"process\":{},\"time\":{},\"threads\":{{\"primary\":{},\"spare\":{},\"blocked\":{}}},"
      "\"lost\":{{\"errors\":{},\"no_worker\":{},\"no_room\":{},\"too_old\":{},\"late_answers\":{}}},\"busy\":{},\"idle\":{},"
      "\"workers\":{},\"oldest_calls\":{}}}"
      "\n",
      json(dump.name), dump.env, dump.process, json(dump.time), dump.threads.primary, dump.threads.spare, dump.threads.blocked,
      dump.lost_errors, dump.dead_letters[0], dump.dead_letters[1], dump.dead_letters[2], dump.dead_letters[3],
      dump.census.workers.size() + dump.census.not_asked, dump.census.idle,
      list_json(dump.census.workers, dump_workers_max,
                [&](WorkerSeen const& worker) { return worker_json(dump, index, worker); }),
      list_json(index.oldest_calls(), dump_calls_max, [&](OpenCall const& open) {
        return fmt::format("{{\"caller\":{},\"call\":{},\"chain\":{}}}", address_json(open.caller->address),
                           call_json(dump, *open.call), json(chain(index, open)));
      }));
}

}  // namespace corps::mgr
