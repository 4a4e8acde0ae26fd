#pragma once

#include <optional>
#include <string_view>

namespace corps::host {

/// How many cores this process may use at once: those its affinity allows, less where its control group has a quota. At least 1.
unsigned usable_cores();

/// Cores that a quota of the form "200000 100000" (time and period in microseconds) amounts to, rounded up; none for "max …" and
/// for what is no quota.
std::optional<unsigned> cores_of_quota(std::string_view cpu_max) noexcept;

/// Names the calling thread, for debuggers and `top`; called by the main thread it names the process, which else shows as "exe"
/// where ProcessHost started it. What exceeds 15 bytes is cut.
void name_thread(std::string_view name) noexcept;

}  // namespace corps::host
