#pragma once

namespace corps::startup {

/// Whether this process was started by an Env 0 as another Env of its Corps.
bool started_as_env();

/// The life of such a process. Returns its exit code.
int run_as_env();

}  // namespace corps::startup
