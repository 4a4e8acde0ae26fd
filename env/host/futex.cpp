#include "env/host/internal/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>

#include "env/host/internal/timespec.hpp"

namespace corps::host {
namespace {

std::uint32_t* address_of(std::atomic<std::uint32_t>& word) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t));
  return reinterpret_cast<std::uint32_t*>(&word);
}

}  // namespace

void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t until_ns) noexcept {
  auto const until = to_timespec(until_ns);
  bool const for_ever = until_ns == std::numeric_limits<std::int64_t>::max();
  ::syscall(SYS_futex, address_of(word), FUTEX_WAIT_BITSET_PRIVATE, value, for_ever ? nullptr : &until, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

void wake_sleeper(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, address_of(word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace corps::host
