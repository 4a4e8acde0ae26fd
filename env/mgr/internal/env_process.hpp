#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "corps/config.hpp"
#include "env/boot/internal/settings.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mgr/internal/control.hpp"
#include "env/mgr/internal/descriptor_service.hpp"
#include "env/mgr/internal/dump_service.hpp"
#include "env/mgr/internal/env_table.hpp"
#include "env/net/internal/links.hpp"
#include "env/net/internal/network.hpp"
#include "env/sched/internal/own_threads.hpp"
#include "env/sched/internal/scheduler.hpp"

namespace corps::mgr {

/// The parts that every Env has, and their order of start and stop: network, scheduler, deadline clock, links.
/// One a process at a time. What is done with control messages is for its owner: Env 0 or another Env.
class EnvProcess final : public net::Directory {
 public:
  /// Called on the I/O thread.
  struct Hooks {
    std::function<void(net::Peer const& from, Control message)> on_control;
    std::function<void(net::Peer const& peer, bool up)> on_link;
  };

  /// Throws Refused where this process has one already.
  EnvProcess(startup::Settings const& settings, Config config, net::Identity const& identity, Hooks hooks);
  ~EnvProcess();
  EnvProcess(EnvProcess const&) = delete;
  EnvProcess& operator=(EnvProcess const&) = delete;

  /// Stage 1: listens, and starts the I/O thread. Returns where this Env can be reached. Throws ConfigError.
  std::vector<std::string> start_network();
  /// Stage 2: starts the threads that run Workers.
  void start_workers(std::size_t threads);

  /// Ends every Worker. False: those that would not end within the limit have been named in the log; the process must
  /// exit without its destructors.
  bool end_workers(std::chrono::nanoseconds limit);
  /// Sends what is left to be sent, within the limit, ends the calls that are still away, and stops the threads. False: one would
  /// not stop; the process must exit without its destructors.
  bool end_threads(std::chrono::milliseconds drain_limit = std::chrono::seconds{1});

  /// Sends a control message; false if there is no link.
  bool send(EnvId to, Control const& message);
  /// An Env has ended: its calls end.
  void env_ended(EnvId env, std::string const& how);

  EnvTable& table() noexcept { return table_; }
  EnvTable const& table() const noexcept { return table_; }
  net::Links& links() noexcept { return links_; }
  net::Network& network() noexcept { return network_; }
  DumpService& dumps() noexcept { return dumps_; }
  Config const& config() const noexcept { return config_; }
  startup::Settings const& settings() const noexcept { return settings_; }

  // net::Directory
  bool look_up(EnvId env, Entry& entry) override;
  void on_control(net::Peer const& from, std::span<std::byte const> bytes) override;
  void on_link(net::Peer const& peer, bool up) override;

 private:
  startup::Settings settings_;
  Config config_;
  net::Identity identity_;
  Hooks hooks_;
  EnvTable table_;
  net::Links links_;
  std::unique_ptr<mail::DeadlineClock> clock_;  // the network's threads do what is due there
  net::Network network_;
  std::unique_ptr<sched::Scheduler> scheduler_;
  std::unique_ptr<sched::OwnThreads> own_threads_;
  DumpService dumps_;
  DescriptorService descriptors_{network_};
};

/// The Env of this process; null while there is none.
EnvProcess* env_process() noexcept;

/// Who carries out corps::stop in this process.
void set_stop_handler(std::function<void(int exit_code)> handler);

}  // namespace corps::mgr
