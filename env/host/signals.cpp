#include "env/host/internal/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "env/host/internal/system_error.hpp"

namespace corps::host {

namespace {

void dispose(int signal, void (*disposition)(int)) {
  struct sigaction action {};
  action.sa_handler = disposition;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

bool ignored(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

UniqueFd take(sigset_t const& wanted) {
  dispose(SIGPIPE, SIG_IGN);
  dispose(SIGCHLD, SIG_DFL);
  check(::pthread_sigmask(SIG_BLOCK, &wanted, nullptr), "block the signals that are for this process");
  UniqueFd signals(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    throw_system(errno, "open a descriptor for signals");
  }
  return signals;
}

}  // namespace

sigset_t taken_signal_set() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  ::sigaddset(&set, SIGUSR1);
  return set;
}

std::string signal_text(int signal) {
  std::string text = "signal " + std::to_string(signal);
  if (char const* const name = ::sigabbrev_np(signal); name != nullptr) {
    text += std::string(" (SIG") + name + ")";
  }
  return text;
}

UniqueFd take_signals() {
  sigset_t wanted = taken_signal_set();
  if (ignored(SIGHUP)) {
    // Left out by name: the kernel queues a blocked signal for the descriptor even where it is ignored.
    ::sigdelset(&wanted, SIGHUP);
  }
  return take(wanted);
}

UniqueFd take_signals_of_child() {
  dispose(SIGINT, SIG_IGN);  // discards one that came while it was blocked
  dispose(SIGHUP, SIG_IGN);
  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGTERM);
  ::sigaddset(&wanted, SIGUSR1);
  UniqueFd signals = take(wanted);
  sigset_t no_longer_blocked;
  ::sigemptyset(&no_longer_blocked);
  ::sigaddset(&no_longer_blocked, SIGINT);
  ::sigaddset(&no_longer_blocked, SIGHUP);
  check(::pthread_sigmask(SIG_UNBLOCK, &no_longer_blocked, nullptr), "unblock the signals of the terminal");
  return signals;
}

std::optional<TakenSignal> next_signal(UniqueFd const& signals) {
  signalfd_siginfo info{};
  ssize_t got = 0;
  do {
    got = ::read(signals.get(), &info, sizeof(info));
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof(info))) {
    return std::nullopt;
  }
  // A sender's pid is only told of signals that a process sent.
  bool const sent = info.ssi_code <= 0;
  return TakenSignal{static_cast<int>(info.ssi_signo), sent ? static_cast<pid_t>(info.ssi_pid) : 0};
}

}  // namespace corps::host
