#include "corps/watch.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "env/mail/internal/errand.hpp"
#include "env/mail/internal/own_wait.hpp"
#include "env/mail/internal/watchers.hpp"
#include "env/mail/internal/worker_extra.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::MethodRecord;
using detail::Reply;
using detail::Request;

/// A watch as its Worker's Env keeps it.
struct Watch {
  std::uint64_t token;  // of the watch, in the Env that watches
  EnvId from;
  Reply<Ending>* reply;
};

std::mutex mutex;
std::unordered_map<ConcId, std::vector<Watch>> watched;
/// Workers that end look here first, and mostly find none. Grows before a watch looks whether its Worker is still there; the
/// Worker looks after it has closed its mailbox; so one of them sees the other.
std::atomic<std::size_t> watch_count{0};
std::atomic<std::uint64_t> last_token{0};

bool is_there(ConcId id) noexcept {
  auto* const cell = detail::find(id);
  if (cell == nullptr || cell->is_closed() || cell->is_port()) return false;
  return detail::home_of(id, cell) != nullptr;  // last: it may have been the mailbox of the next one that was open
}

void begin_watch(ConcId id, Watch watch) {
  {
    std::lock_guard const lock{mutex};
    watch_count.fetch_add(1, std::memory_order_seq_cst);
    if (is_there(id)) {
      watched[id].push_back(watch);
      return;
    }
    watch_count.fetch_sub(1, std::memory_order_relaxed);
  }
  end_with<Ending>(*watch.reply, {EndedHow::before, {}});
}

/// Takes the watches of a Worker out that `chosen` says.
template <class Chosen>
std::vector<Watch> take_out(std::vector<Watch>& watches, Chosen chosen) {
  std::vector<Watch> taken;
  std::ranges::copy_if(watches, std::back_inserter(taken), chosen);
  std::erase_if(watches, chosen);
  watch_count.fetch_sub(taken.size(), std::memory_order_relaxed);
  return taken;
}

std::vector<Watch> take_watch(ConcId id, EnvId from, std::uint64_t token) {
  std::lock_guard const lock{mutex};
  auto const found = watched.find(id);
  if (found == watched.end()) return {};
  auto taken = take_out(found->second, [&](Watch const& watch) { return watch.token == token && watch.from == from; });
  if (found->second.empty()) watched.erase(found);
  return taken;
}

/// A watch on its way to the Worker's Env; or the end of one.
struct WatchErrand final : Errand<Ending> {
  WatchErrand(MethodRecord const& record, ConcId of, EnvId by, std::uint64_t number)
      : Errand(record, of), from(by), token(number) {}
  void pack_arguments(Packer& out) override {
    Errand::pack_arguments(out);
    out(from, token);
  }
  template <MethodRecord const& record>
  static std::unique_ptr<Request> make(Unpacker& in) {
    std::uint64_t conc = 0;
    EnvId from = 0;
    std::uint64_t token = 0;
    in(conc, from, token);
    return std::make_unique<WatchErrand>(record, ConcId{conc}, from, token);
  }
  EnvId const from;
  std::uint64_t const token;
};

extern MethodRecord watch_record;
extern MethodRecord unwatch_record;

void serve_watch(std::unique_ptr<Request> request) {
  auto& errand = static_cast<WatchErrand&>(*request.release());
  begin_watch(errand.conc, {errand.token, errand.from, &errand});
}

void serve_unwatch(std::unique_ptr<Request> request) {
  auto const& errand = static_cast<WatchErrand const&>(*request);
  for (auto const& watch : take_watch(errand.conc, errand.from, errand.token)) end_with<Ending>(*watch.reply, {});
}

constexpr auto signature = "(u64,u32,u64)ended";
constinit MethodRecord watch_record{.id = detail::make_method_id("corps", "watch", signature),
                                    .make = &WatchErrand::make<watch_record>,
                                    .env_serves = &serve_watch};
constinit MethodRecord unwatch_record{.id = detail::make_method_id("corps", "unwatch", signature),
                                      .make = &WatchErrand::make<unwatch_record>,
                                      .env_serves = &serve_unwatch};
bool const registered = [] {
  detail::register_method(watch_record);
  detail::register_method(unwatch_record);
  return true;
}();

struct Watching final : Inquiry<Ending> {
  Watching(ConcAddr of, std::uint64_t number) : Inquiry(watch_record, of), token(number) {}

  void begin() {
    if (is_about_this_env()) return begin_watch(whom.conc, {token, whom.env, this});
    send(errand(watch_record));
  }
  Ending if_lost(std::string why) noexcept override { return {EndedHow::env_lost, std::move(why)}; }
  void let_go() noexcept override {
    if (!is_about_this_env())
      detail::send_one_way(errand(unwatch_record), whom, nullptr, detail::default_limit_ns);
    else if (!take_watch(whom.conc, whom.env, token).empty())
      take_back();
  }

 private:
  std::unique_ptr<WatchErrand> errand(MethodRecord const& record) const {
    return std::make_unique<WatchErrand>(record, whom.conc, detail::env_facts.env, token);
  }
  std::uint64_t const token;
};

}  // namespace

void tell_watchers(Cell& cell) noexcept {
  if (watch_count.load(std::memory_order_seq_cst) == 0) return;
  std::vector<Watch> watches;
  {
    std::lock_guard const lock{mutex};
    auto const found = watched.extract(cell.id.load(std::memory_order_relaxed));
    if (found.empty()) return;
    watches = std::move(found.mapped());
    watch_count.fetch_sub(watches.size(), std::memory_order_relaxed);
  }
  auto const* const extra = cell.extra_if_any();
  Ending const ended{cell.how, extra == nullptr ? std::string{} : extra->failed_with};
  for (auto const& watch : watches) end_with<Ending>(*watch.reply, ended);
}

void forget_watchers(detail::Origin const& link) noexcept {
  if (watch_count.load(std::memory_order_relaxed) == 0) return;
  std::vector<Watch> lost;
  {
    std::lock_guard const lock{mutex};
    for (auto& [id, watches] : watched) {
      auto taken = take_out(watches, [&](Watch const& watch) { return watch.reply->origin == &link; });
      lost.insert(lost.end(), taken.begin(), taken.end());
    }
    std::erase_if(watched, [](auto const& entry) { return entry.second.empty(); });
  }
  for (auto const& watch : lost) delete watch.reply;
}

std::size_t watches() noexcept { return watch_count.load(std::memory_order_relaxed); }

}  // namespace corps::mail

namespace corps {

namespace detail {

Future<corps::Ending> watch(ConcAddr address) {
  auto& watching =
      *std::make_unique<mail::Watching>(address, 1 + mail::last_token.fetch_add(1, std::memory_order_relaxed)).release();
  auto future = FutureMaker<corps::Ending>::make(watching);
  if (mail::open_own_wait(watching)) watching.begin();
  return future;
}

void exit_self() {
  auto* const cell = current_cell;
  if (cell == nullptr || cell->is_port())
    throw std::logic_error{"corps: exit_self() is for a Worker, and this is a plain thread"};
  cell->exiting = true;
  cell->how = EndedHow::by_itself;
}

}  // namespace detail

Future<Ending> Exiting::ended() const {
  if (detail::current_cell != nullptr && !detail::current_cell->is_port() && detail::current_cell->address() == address_)
    throw std::logic_error{"corps: a Worker cannot wait for its own end; return, and it ends"};
  return detail::watch(address_);
}

}  // namespace corps
