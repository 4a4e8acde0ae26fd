#pragma once

#include <sys/types.h>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

/// In a process that `parent` has started: a descriptor that becomes readable when the parent has ended, however it ended.
/// Empty where it has ended already. The pid comes from the parent itself, with the boot bytes: asking here for the
/// parent's pid first would name the foster parent of an orphan.
UniqueFd watch_parent(pid_t parent);

}  // namespace corps::host
