#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

/// A process that this one has started. The pidfd becomes readable when it has ended; reap() then says how.
/// Dropping it neither ends nor reaps the process.
struct Spawned {
  pid_t pid = -1;
  UniqueFd pidfd;
};

/// How a process ended, for people and for the decision whether that was in order.
struct Exit {
  std::string text;    // "exited with status 3", "killed by signal 9 (SIGKILL)"
  bool clean = false;  // exited with status 0
};

/// Starts and ends the processes of a Corps: the seam behind which a test has its own.
/// Threads: every member may be called by several threads at once, each with a Spawned of its own.
class ProcessHost {
 public:
  virtual ~ProcessHost();

  /// Starts this same program again with `argv` (argv[0] included). The child finds `boot` at boot_fd (see boot_descriptor.hpp)
  /// and beside it only stdin (/dev/null), stdout and stderr. Its signals have their default dispositions; those that ask to stop
  /// are blocked until it has chosen what they mean to it (see signals.hpp), so none can end it half-way through its start.
  /// `boot` is closed here in any case. Blocks until the child runs the new program, about a millisecond at most.
  /// With `launch`, these words are run in place of the program, followed by its path and the rest of `argv`: a command such as
  /// `ip netns exec h2`, which must become the program (exec, no fork) and leave it its descriptors.
  /// Fails with Overloaded where the system is out of processes, memory or descriptors, else with Refused.
  virtual Spawned spawn_self(std::vector<std::string> const& argv, UniqueFd boot,
                             std::vector<std::string> const& launch = {}) = 0;

  /// Waits for the end of the process, frees its entry in the process table, closes the pidfd. Blocks; not when the pidfd is
  /// readable. Once for a Spawned: after that its pid may belong to another process, and it is set to -1.
  virtual Exit reap(Spawned& process) = 0;

  /// Sends a signal. False where the process has been reaped; one that has ended and waits for that takes it without effect. It
  /// never reaches another process that was given the same pid.
  virtual bool kill(Spawned& process, int signal) = 0;
};

class SystemProcessHost final : public ProcessHost {
 public:
  Spawned spawn_self(std::vector<std::string> const& argv, UniqueFd boot, std::vector<std::string> const& launch = {}) override;
  Exit reap(Spawned& process) override;
  bool kill(Spawned& process, int signal) override;
};

/// For the start of main(): opens /dev/null in place of stdin, stdout and stderr where the starter left them closed. Else the
/// next socket would become stdout, and a line of log would go to a peer.
void open_standard_descriptors();

}  // namespace corps::host
