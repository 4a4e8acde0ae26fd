#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corps/app.hpp"
#include "env/host/internal/process.hpp"
#include "env/host/internal/unique_fd.hpp"
#include "env/mgr/internal/env_process.hpp"

namespace corps::mgr {

/// Runs a Corps from its Env 0: starts the other Envs, makes the front, notices what ends, and ends the whole in order.
/// Threads: `boot`, `wait` and `stop` on one thread.
class CorpsMgr {
 public:
  CorpsMgr(startup::Settings const& settings, Config config, host::ProcessHost& processes);
  /// As stop().
  ~CorpsMgr();
  CorpsMgr(CorpsMgr const&) = delete;
  CorpsMgr& operator=(CorpsMgr const&) = delete;

  /// Starts everything, and returns when the front is there, or somebody asked to stop. Throws an Error that says what failed;
  /// then everything is stopped again.
  void boot(detail::AppRecord const& app);
  /// Reads signals that ask to stop from this descriptor, from now on.
  void stop_on_signals(host::UniqueFd signals);
  /// Returns when somebody asked the Corps to stop.
  void wait();
  /// Ends the Corps, at the latest after `limits.stop`. Returns its exit code. Where a Worker of this Env would not end,
  /// does not return but exits.
  int stop();
  /// Asks the Corps to stop. Any thread; the first exit code counts.
  void ask_to_stop(int exit_code) noexcept;

 private:
  struct Child {
    host::Spawned process;
    bool has_table = false;
    bool signalled = false;  // it was asked, or made, to end by a signal
    bool ended = false;
  };

  void start_children(std::vector<std::string> const& endpoints, std::uint32_t threads);
  void start_child(EnvId env, std::vector<std::string> const& endpoints, std::uint32_t threads);
  void wait_until(std::string_view what, bool (CorpsMgr::*is_so)(EnvId env) const);
  bool is_ready(EnvId env) const;
  bool has_table(EnvId env) const;
  bool asked_to_stop() const;
  void make_front(detail::AppRecord const& app);
  void send_table();
  void on_control(net::Peer const& from, Control message);
  void on_child_ended(EnvId env);
  bool on_signal();
  void order_children_to_stop(std::chrono::nanoseconds limit);
  void wait_for_children(std::chrono::steady_clock::time_point until);
  void signal(Child& child, int number);
  bool children_ended() const;

  startup::Settings settings_;
  host::ProcessHost& processes_;
  net::Identity identity_;
  EnvProcess env_;
  host::UniqueFd signals_;

  std::chrono::steady_clock::time_point boot_until_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<EnvId, Child> children_;
  std::optional<int> exit_code_;
  std::optional<std::chrono::steady_clock::time_point> signalled_at_;  // the first signal that asks to stop
  std::string failure_;                                                // why it cannot boot
  bool booted_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
};

}  // namespace corps::mgr
