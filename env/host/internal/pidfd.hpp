#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

// The declarations in <sys/pidfd.h> of glibc 2.36 lack C linkage, hence the calls by number.

/// A descriptor of a process, CLOEXEC, readable when it has ended; empty, with errno, where that failed.
inline UniqueFd open_pidfd(pid_t pid) noexcept { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))); }

/// False, with errno, where the signal was not sent.
inline bool send_signal(UniqueFd const& pidfd, int signal) noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0U) == 0;
}

}  // namespace corps::host
