#include "env/host/internal/parent_watch.hpp"

#include <unistd.h>

#include <cerrno>

#include "env/host/internal/pidfd.hpp"
#include "env/host/internal/system_error.hpp"

namespace corps::host {

UniqueFd watch_parent(pid_t parent) {
  UniqueFd watch = open_pidfd(parent);
  int const error = errno;
  // While the parent lives its pid is its own. So if it still is the parent after the opening, the opening met it and no later
  // owner of its pid.
  if (::getppid() != parent) {
    return UniqueFd();
  }
  if (!watch) {
    throw_system(error, "watch the process that started this one");
  }
  return watch;
}

}  // namespace corps::host
