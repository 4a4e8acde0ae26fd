#pragma once

#include <atomic>
#include <cstdint>

namespace corps::host {

/// Sleeps while `word` is `value`, until CLOCK_MONOTONIC says `until_ns`, for ever if that is the greatest number. It may return
/// early for no reason: look again. Only threads of this process may share the word.
[[gnu::hot]] void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t until_ns) noexcept;

/// Wakes one thread that sleeps at `word`.
[[gnu::hot]] void wake_sleeper(std::atomic<std::uint32_t>& word) noexcept;

}  // namespace corps::host
