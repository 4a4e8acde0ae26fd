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
void give_back_pages(std::byte const* begin, std::byte const* from, std::byte const* to) noexcept {
  static auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const up = [](std::byte const* at) { return (reinterpret_cast<std::uintptr_t>(at) + page - 1) / page * page; };
  auto const down = [](std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at) / page * page; };
  auto const first = std::max(up(begin), down(from));
  auto const last = down(to);
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace

PackedMessage::Place PackedMessage::find(std::size_t at) const noexcept {
  std::size_t begin = 0;
  for (auto const& given : given_) {
    if (auto const together = packed_.view().subspan(begin, given.at - begin); at < together.size()) return {together, at};
    at -= given.at - begin;
    begin = given.at;
    if (at < given.bytes.size()) return {given.bytes, at};
    at -= given.bytes.size();
  }
  return {packed_.view().subspan(begin), at};
}

MessagePart::MessagePart(std::shared_ptr<PackedMessage const> message, std::size_t at, std::size_t bytes_max) noexcept
    : message_(std::move(message)) {
  auto const place = message_->find(at);
  together_ = place.together;
  bytes_ = together_.subspan(place.at, std::min(bytes_max, together_.size() - place.at));
}

void MessagePart::give_back() noexcept {
  if (message_->size() > freed_at_once_bytes_max) give_back_pages(together_.data(), bytes_.data(), bytes_.data() + bytes_.size());
}

}  // namespace corps::net
