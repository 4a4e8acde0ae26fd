#include "env/mgr/internal/env_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "corps/detail/conc_id.hpp"
#include "corps/detail/ext_envs.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "corps/placement.hpp"
#include "env/host/internal/clock.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/cancel.hpp"
#include "env/mail/internal/probe_way.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/mgr/internal/own_endpoints.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mgr {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t control_bytes_max = std::size_t{1} << 20;

std::atomic<EnvProcess*> active{nullptr};

std::mutex stop_handler_mutex;
std::function<void(int)> stop_handler;

net::LinkLimits link_limits(startup::LimitSettings const& limits) {
  return {.in_flight_bytes_max = limits.in_flight_per_link,
          .message_bytes_max = limits.message,
          .fragment_bytes = limits.frame,
          .kept_bytes_max = 2 * (limits.in_flight_per_link + limits.message),
          .resume_limit = limits.link_resume,
          .retries_max = limits.retries};
}

net::ShmUse shm_use(startup::CarrierChoice carrier) {
  switch (carrier) {
    case startup::CarrierChoice::automatic: return net::ShmUse::preferred;
    case startup::CarrierChoice::shared_memory: return net::ShmUse::required;
    case startup::CarrierChoice::unix_socket:
    case startup::CarrierChoice::tcp: return net::ShmUse::never;
  }
  return net::ShmUse::never;
}

net::NetSettings net_settings(startup::LimitSettings const& limits, startup::NetSettings const& net) {
  net::NetSettings settings{.frame_bytes_max = static_cast<std::uint32_t>(limits.frame + net::fragment_head_bytes),
                            .handshake_limit = limits.handshake,
                            .shm = shm_use(net.carrier),
                            .linger_limit = 1s,
                            .heartbeats = {.interval = net.heartbeat,
                                           .silence_limit = limits.link_silence,
                                           .to_all = net.heartbeat_to == startup::HeartbeatTo::all},
                            .spin = net.spin};
  if (has_tls(net))
    settings.tls = std::make_shared<net::TlsContext>(
        net::TlsSettings{.ca = net.tls_ca, .certificate = net.tls_certificate, .key = net.tls_key});
  return settings;
}

void set_facts(startup::Settings const& settings, net::Peer self) {
  detail::env_facts.env = self.env;
  detail::env_facts.request_timeout_ns = settings.limits.request_timeout.count();
  detail::env_facts.open_calls_max = static_cast<std::uint32_t>(settings.limits.open_calls_per_worker);
  detail::env_facts.mailbox_max = static_cast<std::uint32_t>(settings.limits.mailbox);
  detail::env_facts.mailbox_unit_bytes = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(settings.limits.mailbox_bytes / settings.limits.mailbox, 1, 0xffff'ffff));
  detail::env_facts.timers_max = settings.limits.timers;
  detail::env_facts.ext_envs_max = settings.limits.ext_envs;
  mail::slab().set_epoch(self.epoch % detail::epochs_max);
}

}  // namespace

EnvProcess* env_process() noexcept { return active.load(std::memory_order_acquire); }

void set_stop_handler(std::function<void(int)> handler) {
  std::lock_guard const lock{stop_handler_mutex};
  stop_handler = std::move(handler);
}

EnvProcess::EnvProcess(startup::Settings const& settings, Config config, net::Identity const& identity, Hooks hooks)
    : settings_(settings),
      config_(std::move(config)),
      identity_(identity),
      hooks_(std::move(hooks)),
      links_(identity.self.env, *this, link_limits(settings.limits)),
      network_(identity, net_settings(settings.limits, settings.net), links_,
               [](std::string_view line) { host::log(host::Level::warn, line); }),
      dumps_(*this) {
  EnvProcess* none = nullptr;
  if (!active.compare_exchange_strong(none, this, std::memory_order_acq_rel))
    throw Refused{"a Corps runs in this process already, and there may be one at a time: stop that one first"};
  set_facts(settings_, identity.self);
  detail::set_own_corps({identity.corps_id}, {});
  links_.attach(network_);
  mail::set_probe_way(&links_);
  mail::open_gate();
}

EnvProcess::~EnvProcess() {
  mail::end_descriptor_waits();
  mail::set_probe_way(nullptr);
  active.store(nullptr, std::memory_order_release);
}

std::vector<std::string> EnvProcess::start_network() {
  std::vector<std::string> texts;
  for (auto const& endpoint : listen(network_, settings_, identity_)) texts.push_back(endpoint.text);
  detail::set_own_corps({identity_.corps_id}, texts);
  network_.start();
  dumps_.start(network_);
  mail::begin_descriptor_waits(descriptors_, settings_.limits.descriptor_waits);
  return texts;
}

void EnvProcess::start_workers(std::size_t threads) {
  if (sched::simulation != nullptr) {
    clock_ = std::make_unique<mail::DeadlineClock>();
    return sched::simulation->start(settings_.limits.spare_threads);
  }
  clock_ = network_.make_clock();
  scheduler_ = std::make_unique<sched::Scheduler>(threads, settings_.limits.spare_threads);
  scheduler_->wait_at(network_.outside());
  own_threads_ = std::make_unique<sched::OwnThreads>(settings_.limits.detached_threads);
}

bool EnvProcess::end_workers(std::chrono::nanoseconds limit) {
  mail::close_gate();
  mail::exit_all();
  if (mail::wait_until_all_ended(limit)) return true;
  auto stuck = mail::busy_workers();
  if (stuck.empty())
    stuck.push_back(fmt::format("a Worker of env {} runs a Task of its own, such as on_main,", identity_.self.env));
  for (auto const& worker : stuck)
    host::log(host::Level::error, fmt::format("{} and did not end within limits.stop ({} ms); this process exits without it",
                                              worker, std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()));
  return false;
}

bool EnvProcess::end_threads(std::chrono::milliseconds drain_limit) {
  dumps_.stop();
  mail::end_descriptor_waits();
  bool const quiet = network_.stop(drain_limit);
  links_.stop();
  if (!quiet) static_cast<void>(clock_.release());  // a thread may be in it for ever
  clock_.reset();
  own_threads_.reset();
  scheduler_.reset();
  return quiet;
}

bool EnvProcess::send(EnvId to, Control const& message) {
  detail::ByteBuffer bytes;
  Packer out{bytes, control_bytes_max};
  out(message);
  return links_.send_control(to, bytes);
}

void EnvProcess::env_ended(EnvId env, std::string const& how) {
  table_.mark_gone(env, how);
  links_.env_ended(env, how);
}

bool EnvProcess::look_up(EnvId env, Entry& entry) {
  if (!table_.look_up(env, entry)) return false;
  leave_out_of_reach(entry.endpoints, settings_, identity_.self.env, env);
  return true;
}

void EnvProcess::on_control(net::Peer const& from, std::span<std::byte const> bytes) {
  Unpacker in{bytes};
  Control message;
  in(message);
  in.finish();
  hooks_.on_control(from, std::move(message));
}

void EnvProcess::on_link(net::Peer const& peer, bool up) { hooks_.on_link(peer, up); }

}  // namespace corps::mgr

namespace corps {

void mail::cancel_in_other_env(EnvId env, std::uint64_t number) noexcept {
  if (auto* const process = mgr::env_process()) process->links().cancel(env, number);
}

OneEnv here() { return OneEnv{detail::env_facts.env}; }

namespace detail {

EnvFacts env_facts;

std::int64_t now_ns() noexcept {
  if (sched::simulation != nullptr) [[unlikely]]
    return sched::simulation->now_ns();
  return static_cast<std::int64_t>(host::system_monotonic_ns());
}

void route(std::unique_ptr<Request> request, EnvId env) noexcept {
  if (auto* const process = mgr::env_process()) return process->links().send(std::move(request), env);
  auto const target = request->sent_to;
  if (ext_corps(env) != nullptr) return request.release()->bounce(no_link_to_corps(env));
  request.release()->bounce(no_such_worker(target));
}

void exit_worker(ConcAddr address) {
  auto const by = current_cell == nullptr ? ConcAddr{} : current_cell->address();
  if (address.env == env_facts.env) return mail::exit_worker(address.conc, by);
  if (ext_corps(address.env) != nullptr) return host::log(host::Level::warn, "exit: " + no_link_to_corps(address.env).text);
  if (auto* const process = mgr::env_process())
    process->send(address.env, mgr::ExitOrder{static_cast<std::uint64_t>(address.conc), by});
}

std::vector<EnvId> live_envs() {
  auto* const process = mgr::env_process();
  return process == nullptr ? std::vector<EnvId>{env_facts.env} : process->table().live();
}

Config const& app_config() noexcept {
  static Config const none;
  auto* const process = mgr::env_process();
  return process == nullptr ? none : process->config();
}

void stop_corps(int exit_code) noexcept {
  std::lock_guard const lock{mgr::stop_handler_mutex};
  if (mgr::stop_handler) mgr::stop_handler(exit_code);
}

std::vector<EnvId> spread_per_env(std::uint32_t count) {
  std::vector<EnvId> where;
  for (auto const env : live_envs()) where.insert(where.end(), count, env);
  return where;
}

std::vector<EnvId> spread_anywhere(std::uint32_t count) {
  auto const live = live_envs();
  std::vector<EnvId> where;
  where.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) where.push_back(live[i % live.size()]);
  return where;
}

}  // namespace detail
}  // namespace corps
