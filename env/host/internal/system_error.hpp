#pragma once

#include <string_view>

namespace corps::host {

/// Throws what belongs to an `errno` unless it is 0: Overloaded where the system is out of processes, memory or descriptors (the
/// text names the limit to raise), else Refused. `what` completes "cannot …".
void check(int error, std::string_view what);
[[noreturn]] void throw_system(int error, std::string_view what);

}  // namespace corps::host
