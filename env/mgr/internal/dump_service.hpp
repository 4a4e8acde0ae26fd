#pragma once

#include <deque>
#include <mutex>
#include <thread>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/network.hpp"

namespace corps::mgr {

class EnvProcess;

/// Tells what this Env does to whoever asks: `corps dump PID` and `corps links PID` over a socket, and SIGUSR1 into the log. It
/// has a thread while there is something to do.
class DumpService {
 public:
  explicit DumpService(EnvProcess& env) noexcept : env_(env) {}
  ~DumpService() { stop(); }
  DumpService(DumpService const&) = delete;
  DumpService& operator=(DumpService const&) = delete;

  /// Listens, if the socket is to be had; else that is logged.
  void start(net::Network& network);
  /// Writes a dump to where the log goes. Any thread; returns at once.
  void print();
  /// Ends what is under way; takes 3 s at most.
  void stop() noexcept;

 private:
  static constexpr std::size_t waiting_max = 16;  // who asks past that is sent away

  bool accept();
  void add(host::UniqueFd asks);
  void run() noexcept;
  void serve(host::UniqueFd asks);

  EnvProcess& env_;
  host::UniqueFd listening_;
  std::mutex mutex_;
  std::deque<host::UniqueFd> waiting_;  // an empty one: into the log
  std::thread thread_;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace corps::mgr
