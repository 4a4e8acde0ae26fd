#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

/// The signals that ask a process to stop: SIGINT (Ctrl-C), SIGTERM (kill, service managers), SIGHUP (the terminal is gone); and
/// SIGUSR1, which asks it to say what it does.
sigset_t taken_signal_set() noexcept;

/// "signal 9 (SIGKILL)".
std::string signal_text(int signal);

/// It asks to stop, unless it is SIGUSR1.
struct TakenSignal {
  int number = 0;
  pid_t sender = 0;  // 0: the kernel, as for Ctrl-C
};

/// The two takers below belong at the start of main(), before the first thread: threads inherit the mask. Both ignore SIGPIPE, so
/// that writing to a closed pipe or socket is an error and not the end, and set SIGCHLD to its default, so that children can be
/// reaped. What the process starts by other means than ProcessHost inherits the mask: such a start has to clear it. The
/// descriptor they return is non-blocking and becomes readable when a signal is there; next_signal() reads it.

/// For the first process of a Corps: SIGINT, SIGTERM, SIGHUP and SIGUSR1 arrive at the descriptor. SIGHUP does not where it was
/// ignored at the start, as under nohup; SIGINT always does, though a shell script ignores it for what it starts with `&`.
UniqueFd take_signals();

/// For a process that another Env has started: SIGTERM and SIGUSR1 arrive at the descriptor. SIGINT and SIGHUP reach the whole
/// group of a terminal and are ignored, because the first process handles them for all.
UniqueFd take_signals_of_child();

/// Takes one signal, or none if there is none.
std::optional<TakenSignal> next_signal(UniqueFd const& signals);

}  // namespace corps::host
