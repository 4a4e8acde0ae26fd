#pragma once

#include <cstdint>

namespace corps::mail {

/// How many errors no Future showed to anybody since the process began, dead letters aside. Any thread.
std::uint64_t lost_errors() noexcept;
void count_lost_error() noexcept;

}  // namespace corps::mail
