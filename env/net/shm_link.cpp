#include "env/net/internal/shm_link.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

namespace {

bool is_eventfd(int fd) {
  constexpr std::string_view wanted = "anon_inode:[eventfd]";
  std::array<char, 64> target{};
  auto const size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == wanted;
}

}  // namespace

std::unique_ptr<ShmLink> ShmLink::make(std::string& why) {
  auto own = OwnSide::make(why);
  if (!own) return nullptr;
  std::unique_ptr<ShmLink> link(new ShmLink(std::move(*own)));
  link->own_bell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!link->own_bell_) {
    why = "no doorbell: " + errno_text(errno);
  } else if (!is_eventfd(link->own_bell_.get())) {
    why = "/proc cannot be read, so the doorbell of a peer could not be checked";
  } else {
    return link;
  }
  return nullptr;
}

bool ShmLink::meet(ShmDescriptors of_peer, std::string& why) {
  auto& [memory, bell] = of_peer;
  peer_ = PeerSide::map(std::move(memory), why);
  if (!peer_) return false;
  // To ring it must never block.
  if (!is_eventfd(bell.get()) || ::fcntl(bell.get(), F_SETFL, O_NONBLOCK) != 0) {
    why = "the peer's doorbell is no eventfd";
    return false;
  }
  peer_bell_ = std::move(bell);
  writer_.emplace(own_.side(), own_.ring(), peer_->side());
  reader_.emplace(own_.side(), peer_->side(), peer_->ring());
  return true;
}

void ShmLink::ring() const noexcept {
  std::uint64_t const once = 1;
  static_cast<void>(!::write(peer_bell_.get(), &once, sizeof(once)));  // it fails if it has been rung very often: it rings
}

std::size_t ShmLink::read(std::span<std::byte> to) noexcept {
  auto const count = reader_->take(to);
  if (count != 0 && reader_->made_room()) ring();
  return count;
}

std::size_t ShmLink::write(std::span<iovec const> parts) noexcept {
  std::size_t all = 0;
  for (auto const& part : parts) {
    auto const count = writer_->put({static_cast<std::byte const*>(part.iov_base), part.iov_len});
    all += count;
    if (count != part.iov_len) break;
  }
  if (writer_->publish()) ring();
  return all;
}

}  // namespace corps::net
