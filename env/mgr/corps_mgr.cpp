#include "env/mgr/internal/corps_mgr.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/waiting.hpp"
#include "corps/pack.hpp"
#include "env/boot/internal/boot_info.hpp"
#include "env/host/internal/boot_descriptor.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/log.hpp"
#include "env/host/internal/random.hpp"
#include "env/host/internal/signals.hpp"
#include "env/host/internal/system_error.hpp"
#include "env/mail/internal/workers.hpp"

namespace corps::mgr {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::uint32_t first_epoch = 1;
/// Signals within this time are one wish: `timeout` and some shells send theirs to the process and to its group.
constexpr auto one_wish = 100ms;
constexpr auto kill_grace = 500ms;  // between the end of limits.stop and SIGKILL for an Env that did not exit by itself

net::Identity new_identity() {
  net::Identity identity;
  host::Random::system().fill(identity.corps_id);
  host::Random::system().fill(identity.secret);
  identity.self = {0, first_epoch};
  return identity;
}

/// "env 2", where there are several hosts "env 2 (on h2)".
std::string name_of(startup::Settings const& settings, EnvId env) {
  if (settings.hosts.size() < 2) return fmt::format("env {}", env);
  return fmt::format("env {} (on {})", env, settings.hosts[host_of(settings, env)].name);
}

long ms_since(steady_clock::time_point start) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start).count());
}

}  // namespace

CorpsMgr::CorpsMgr(startup::Settings const& settings, Config config, host::ProcessHost& processes)
    : settings_(settings),
      processes_(processes),
      identity_(new_identity()),
      env_(settings, std::move(config), identity_,
           {.on_control = [this](net::Peer const& from, Control message) { on_control(from, std::move(message)); },
            .on_link = [](net::Peer const&, bool) {}}) {
  set_stop_handler([this](int exit_code) { ask_to_stop(exit_code); });
}

CorpsMgr::~CorpsMgr() {
  stop();
  set_stop_handler(nullptr);
}

// --- start -------------------------------------------------------------------------------------------------------

void CorpsMgr::boot(detail::AppRecord const& app) {
  auto const begin = steady_clock::now();
  boot_until_ = begin + settings_.limits.boot;
  try {
    auto const endpoints = env_.start_network();
    env_.table().put({.env = 0, .epoch = identity_.self.epoch, .endpoints = endpoints, .ready = true, .gone = {}});
    auto const threads = startup::worker_threads(settings_, host::usable_cores(), settings_.corps.envs);
    start_children(endpoints, threads);
    env_.start_workers(threads);
    wait_until("ready", &CorpsMgr::is_ready);
    send_table();
    wait_until("in possession of the table of Envs", &CorpsMgr::has_table);
    if (asked_to_stop()) return;
    host::log(host::Level::info,
              fmt::format("{} is up: {} Envs in {} ms", settings_.corps.tag, settings_.corps.envs, ms_since(begin)));
    make_front(app);
  } catch (...) {
    stop();
    throw;
  }
}

void CorpsMgr::start_children(std::vector<std::string> const& endpoints, std::uint32_t threads) {
  for (EnvId env = 1; env < settings_.corps.envs; ++env) {
    net::Peer const peer{env, first_epoch};
    env_.table().put({.env = env, .epoch = peer.epoch, .endpoints = {}, .ready = false, .gone = {}});
    start_child(env, endpoints, threads);
  }
}

void CorpsMgr::start_child(EnvId env, std::vector<std::string> const& endpoints, std::uint32_t threads) {
  startup::BootInfo info{settings_, env_.config(), identity_, getpid(), identity_.self.epoch, endpoints, threads};
  info.identity.self = {env, first_epoch};
  detail::ByteBuffer bytes;
  Packer out{bytes};
  out(info);
  auto boot = host::seal_boot_bytes(bytes);
  host::cleanse({bytes.data(), bytes.size()});
  auto const launch = settings_.hosts.empty() ? std::vector<std::string>{} : settings_.hosts[host_of(settings_, env)].launch;
  auto process = processes_.spawn_self({settings_.corps.tag, startup::env_marker, std::to_string(env)}, std::move(boot), launch);
  std::lock_guard const lock{mutex_};
  try {
    env_.network().watch_readable(process.pidfd.get(), [this, env] {
      on_child_ended(env);
      return false;
    });
  } catch (std::system_error const& error) {
    processes_.kill(process, SIGKILL);
    processes_.reap(process);
    host::throw_system(error.code().value(), fmt::format("watch env {}", env));
  }
  children_[env].process = std::move(process);
}

bool CorpsMgr::is_ready(EnvId env) const { return env_.table().is_ready(env); }
bool CorpsMgr::has_table(EnvId env) const { return children_.at(env).has_table; }

bool CorpsMgr::asked_to_stop() const {
  std::lock_guard const lock{mutex_};
  return exit_code_.has_value();
}

/// Returns when it is so for every other Env, or somebody asked to stop. Throws when one has ended, or limits.boot is over.
void CorpsMgr::wait_until(std::string_view what, bool (CorpsMgr::*is_so)(EnvId env) const) {
  std::unique_lock lock{mutex_};
  auto const first_without = [&]() -> EnvId {
    EnvId env = 1;
    while (env < settings_.corps.envs && (this->*is_so)(env)) ++env;
    return env;
  };
  auto const all = settings_.corps.envs;
  changed_.wait_until(lock, boot_until_, [&] { return !failure_.empty() || exit_code_ || first_without() == all; });
  if (exit_code_) return;
  if (!failure_.empty()) throw WorkerLost{failure_};
  if (auto const env = first_without(); env != all)
    throw Timeout{fmt::format("{} was not {} within limits.boot ({} ms); see what its process waits for, or give it longer",
                              name_of(settings_, env), what,
                              std::chrono::duration_cast<std::chrono::milliseconds>(settings_.limits.boot).count())};
}

void CorpsMgr::make_front(detail::AppRecord const& app) {
  auto request = app.construct({settings_.corps.tag, {}}, env_.config());
  auto& construct = *request.release();
  if (detail::open_call(construct, {0, corps_front_id}, settings_.limits.create_timeout.count()))
    detail::begin_worker(construct, corps_front_id);
  detail::wait_for(construct, detail::never_ns);
  std::optional<ErrorInfo> error;
  if (auto const* failure = construct.failure()) error = *failure;
  construct.drop();
  if (error) throw_error(std::move(*error));
  std::lock_guard const lock{mutex_};
  booted_ = true;
}

void CorpsMgr::send_table() {
  auto const rows = env_.table().rows();
  for (auto const& row : rows)
    if (row.env != 0 && row.ready) env_.send(row.env, Table{rows});
}

// --- what happens meanwhile; on the I/O thread -------------------------------------------------------------------

void CorpsMgr::on_control(net::Peer const& from, Control message) {
  if (auto* const ready = std::get_if<Ready>(&message)) {
    env_.table().mark_ready(from.env, std::move(ready->endpoints));
    std::lock_guard const lock{mutex_};
    changed_.notify_all();
  } else if (std::holds_alternative<TableTaken>(message)) {
    std::lock_guard const lock{mutex_};
    children_[from.env].has_table = true;
    changed_.notify_all();
  } else if (auto const* const stop = std::get_if<StopRequest>(&message)) {
    ask_to_stop(stop->exit_code);
  } else if (auto const* const exit = std::get_if<ExitOrder>(&message)) {
    mail::exit_worker(ConcId{exit->conc}, exit->by);
  } else {
    throw DecodeError{fmt::format("an order that env {} may not give to env 0", from.env)};
  }
}

void CorpsMgr::on_child_ended(EnvId env) {
  std::string how;
  {
    std::lock_guard const lock{mutex_};
    auto& child = children_[env];
    auto const pid = child.process.pid;
    auto const exit = processes_.reap(child.process);
    child.ended = true;
    how = fmt::format("its process {} {}{}", pid, exit.text.starts_with("killed") ? "was " : "", exit.text);
    if (!booted_ && failure_.empty() && !stopping_) failure_ = fmt::format("{} did not start: {}", name_of(settings_, env), how);
    changed_.notify_all();
    if (stopping_) {
      if (!exit.clean && !child.signalled)
        host::log(host::Level::error, fmt::format("env {} failed while it stopped: {}", env, how));
      return;
    }
  }
  host::log(host::Level::error, fmt::format("{} is lost: {}", name_of(settings_, env), how));
  env_.env_ended(env, how);
  send_table();
}

void CorpsMgr::stop_on_signals(host::UniqueFd signals) {
  signals_ = std::move(signals);
  env_.network().watch_readable(signals_.get(), [this] { return on_signal(); });
}

bool CorpsMgr::on_signal() {
  auto const signal = host::next_signal(signals_);
  if (!signal) return true;
  if (signal->number == SIGUSR1) {
    env_.dumps().print();
    return true;
  }
  auto const now = steady_clock::now();
  bool again = false;
  {
    std::lock_guard const lock{mutex_};
    again = signalled_at_.has_value();
    if (!again) signalled_at_ = now;
    if (again && now - *signalled_at_ < one_wish) return true;
    if (again)
      for (auto& [env, child] : children_) this->signal(child, SIGKILL);
  }
  if (again) {
    host::log(host::Level::error, fmt::format("{} again: exiting at once", host::signal_text(signal->number)));
    _exit(128 + signal->number);
  }
  host::log(host::Level::info, fmt::format("{}: stopping {}", host::signal_text(signal->number), settings_.corps.tag));
  ask_to_stop(128 + signal->number);
  return true;
}

// --- end ---------------------------------------------------------------------------------------------------------

void CorpsMgr::ask_to_stop(int exit_code) noexcept {
  std::lock_guard const lock{mutex_};
  if (exit_code_) return;
  exit_code_ = exit_code;
  changed_.notify_all();
}

void CorpsMgr::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return exit_code_.has_value(); });
}

bool CorpsMgr::children_ended() const {
  for (auto const& [env, child] : children_)
    if (!child.ended) return false;
  return true;
}

int CorpsMgr::stop() {
  {
    std::lock_guard const lock{mutex_};
    if (std::exchange(stopped_, true)) return exit_code_.value_or(0);
    stopping_ = true;
  }
  auto const limit = settings_.limits.stop;
  auto const until = steady_clock::now() + limit;
  order_children_to_stop(limit);
  bool const quiet = env_.end_workers(limit);
  wait_for_children(until);
  if (!quiet || !env_.end_threads()) {
    std::fflush(nullptr);
    _exit(exit_code_.value_or(1));
  }
  return exit_code_.value_or(0);
}

void CorpsMgr::order_children_to_stop(std::chrono::nanoseconds limit) {
  for (auto const& row : env_.table().rows()) {
    if (row.env == 0) continue;
    bool const ordered = row.ready && env_.send(row.env, StopOrder{limit.count()});
    // One that is not ready yet, or not linked, takes no orders; on the way to another host they may be lost.
    if (ordered && host_of(settings_, row.env) == 0) continue;
    std::lock_guard const lock{mutex_};
    if (auto const child = children_.find(row.env); child != children_.end()) signal(child->second, SIGTERM);
  }
}

void CorpsMgr::signal(Child& child, int number) {
  if (child.ended) return;
  child.signalled = true;
  processes_.kill(child.process, number);
}

void CorpsMgr::wait_for_children(steady_clock::time_point until) {
  std::unique_lock lock{mutex_};
  if (changed_.wait_until(lock, until + kill_grace, [&] { return children_ended(); })) return;
  for (auto& [env, child] : children_) {
    if (child.ended) continue;
    host::log(host::Level::error,
              fmt::format("env {} (process {}) did not exit within limits.stop and is killed", env, child.process.pid));
    signal(child, SIGKILL);
  }
  changed_.wait_for(lock, kill_grace, [&] { return children_ended(); });
}

}  // namespace corps::mgr
