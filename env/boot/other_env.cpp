#include "env/boot/internal/other_env.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "corps/pack.hpp"
#include "env/boot/internal/boot_info.hpp"
#include "env/boot/internal/crash_report.hpp"
#include "env/host/internal/boot_descriptor.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/log.hpp"
#include "env/host/internal/parent_watch.hpp"
#include "env/host/internal/signals.hpp"
#include "env/mail/internal/workers.hpp"
#include "env/mgr/internal/env_process.hpp"

namespace corps::startup {
namespace {

using namespace std::chrono_literals;

constexpr int exit_lost_env0 = 1;
constexpr std::chrono::milliseconds stop_limit_without_env0 = 500ms;
constexpr std::chrono::milliseconds drain_limit_without_env0 = 200ms;
constexpr std::chrono::milliseconds drain_limit_in_order = 1s;
constexpr auto wait_to_connect_again = 50ms;

/// Why an Env ends, and how.
struct Ending {
  int exit_code = 0;
  std::chrono::nanoseconds limit;
  std::chrono::milliseconds drain_limit = drain_limit_in_order;
};

class OtherEnv {
 public:
  OtherEnv(BootInfo const& info, host::UniqueFd signals)
      : info_(info),
        signals_(std::move(signals)),
        env_(info.settings, info.config, info.identity,
             {.on_control = [this](net::Peer const& from, mgr::Control message) { on_control(from, std::move(message)); },
              .on_link = [this](net::Peer const& peer, bool up) { on_link(peer, up); }}) {
    mgr::set_stop_handler([this](int exit_code) { ask_to_stop(exit_code); });
  }
  ~OtherEnv() { mgr::set_stop_handler(nullptr); }
  OtherEnv(OtherEnv const&) = delete;
  OtherEnv& operator=(OtherEnv const&) = delete;

  int run() {
    auto const self = info_.identity.self;
    endpoints_ = env_.start_network();
    env_.table().put({.env = 0, .epoch = info_.env0_epoch, .endpoints = info_.env0_endpoints, .ready = true, .gone = {}});
    env_.table().put({.env = self.env, .epoch = self.epoch, .endpoints = endpoints_, .ready = true, .gone = {}});
    watch_env0();
    env_.network().watch_readable(signals_.get(), [this] { return on_signal(); });
    env_.start_workers(info_.threads);
    env_.links().connect(0);

    auto const ending = wait();
    if (!env_.end_workers(ending.limit) || !env_.end_threads(ending.drain_limit)) {
      std::fflush(nullptr);
      _exit(ending.exit_code);
    }
    return ending.exit_code;
  }

 private:
  void watch_env0() {
    env0_ = host::watch_parent(info_.env0_pid);
    if (!env0_) return on_env0_gone();
    env_.network().watch_readable(env0_.get(), [this] {
      on_env0_gone();
      return false;
    });
  }

  void on_env0_gone() {
    std::string const how = "its process has ended";
    env_.env_ended(0, how);
    if (info_.settings.corps.without_env0 == WithoutEnv0::serve) {
      host::log(host::Level::warn, "env 0 is lost: serving on without it (corps.without_env0)");
      return;
    }
    host::log(host::Level::error, "env 0 is lost: this Env exits (corps.without_env0)");
    end({exit_lost_env0, stop_limit_without_env0, drain_limit_without_env0});
  }

  bool on_signal() {
    auto const signal = host::next_signal(signals_);
    if (signal && signal->number == SIGUSR1) {
      env_.dumps().print();
    } else if (signal) {
      host::log(host::Level::info, fmt::format("{}: this Env stops", host::signal_text(signal->number)));
      end({128 + signal->number, info_.settings.limits.stop});
    }
    return true;
  }

  void ask_to_stop(int exit_code) {
    if (env_.send(0, mgr::StopRequest{exit_code})) return;
    host::log(host::Level::warn, "the Corps is asked to stop, and env 0 cannot be told: this Env stops alone");
    end({exit_code, info_.settings.limits.stop});
  }

  /// There is always a link to Env 0, or one on the way: orders come over it.
  void on_link(net::Peer const& peer, bool up) {
    if (peer.env != 0) return;
    if (up)
      env_.send(0, mgr::Ready{endpoints_});
    else
      env_.network().after(wait_to_connect_again, [this] { env_.links().connect(0); });
  }

  void on_control(net::Peer const& from, mgr::Control message) {
    if (auto const* const exit = std::get_if<mgr::ExitOrder>(&message)) return mail::exit_worker(ConcId{exit->conc}, exit->by);
    if (from.env != 0) throw DecodeError{fmt::format("env {} gives an order that only env 0 may give", from.env)};
    if (auto* const table = std::get_if<mgr::Table>(&message)) {
      for (auto const& row : env_.table().replace(std::move(table->rows))) env_.env_ended(row.env, row.gone);
      env_.send(0, mgr::TableTaken{});
    } else if (auto const* const stop = std::get_if<mgr::StopOrder>(&message)) {
      end({0, std::chrono::nanoseconds{stop->limit_ns}});
    }
  }

  void end(Ending ending) {
    std::lock_guard const lock{mutex_};
    if (ending_) return;
    ending_ = ending;
    changed_.notify_all();
  }

  Ending wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return ending_.has_value(); });
    return *ending_;
  }

  BootInfo const& info_;
  host::UniqueFd signals_;
  host::UniqueFd env0_;
  mgr::EnvProcess env_;
  std::vector<std::string> endpoints_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Ending> ending_;
};

}  // namespace

bool started_as_env() {
  std::ifstream arguments{"/proc/self/cmdline", std::ios::binary};
  std::string argument;
  return std::getline(arguments, argument, '\0') && std::getline(arguments, argument, '\0') && argument == env_marker;
}

int run_as_env() {
  auto signals = host::take_signals_of_child();
  BootInfo info;
  {
    auto const secret = host::take_boot_bytes();
    Unpacker in{secret.bytes()};
    in(info);
    in.finish();
  }
  auto const& settings = info.settings;
  auto const name = fmt::format("{}/{}", settings.corps.tag, info.identity.self.env);
  host::name_thread(name);
  host::open_log({static_cast<host::Level>(settings.log.level), settings.log.file, name});
  report_crashes(name);
  return OtherEnv{info, std::move(signals)}.run();
}

}  // namespace corps::startup
