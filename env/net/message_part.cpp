#include "env/net/internal/message_part.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace corps::net {

namespace {

/// Of a message that is not larger, the memory goes at once: that takes 0.1 ms for each MiB, and memory that stays in use need
/// not be made anew for the next message.
constexpr std::size_t freed_at_once_bytes_max = std::size_t{8} << 20;

/// So that the memory goes piece by piece, and not in one long system call at its end. `begin`: of memory of which nothing is
/// used any more up to `to`; `from`: where the last time ended.
void give_back_pages(std::byte* begin, std::byte const* from, std::byte const* to) noexcept {
  static auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const up = [](std::byte const* at) { return (reinterpret_cast<std::uintptr_t>(at) + page - 1) / page * page; };
  auto const down = [](std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at) / page * page; };
  auto const first = std::max(up(begin), down(from));
  auto const last = down(to);
  if (first < last) ::madvise(begin + (first - reinterpret_cast<std::uintptr_t>(begin)), last - first, MADV_DONTNEED);
}

}  // namespace

void MessagePart::give_back() noexcept {
  if (message_->size() > freed_at_once_bytes_max) give_back_pages(message_->data(), bytes_.data(), bytes_.data() + bytes_.size());
}

}  // namespace corps::net
