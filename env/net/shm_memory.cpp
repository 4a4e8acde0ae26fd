#include "env/net/internal/shm_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <new>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

namespace {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "counts in shared memory take no lock of one process");
static_assert(sizeof(RingSide) <= shm_side_bytes);
static_assert(2 * (shm_side_bytes + shm_ring_bytes) <= std::size_t{160} << 10, "what a link may cost");

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 8;
#endif

constexpr int seals_wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

host::UniqueFd memory_file() noexcept {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  host::UniqueFd fd(::memfd_create("corps", flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("corps", flags));  // a kernel before 6.3
  return fd;
}

Mapping map_file(int fd, std::size_t size, int protection) noexcept {
  void* const begin = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
  return begin == MAP_FAILED ? Mapping{} : Mapping(static_cast<std::byte*>(begin), size);
}

std::nullopt_t refuse(std::string& why, std::string_view what) {
  why = what;
  return std::nullopt;
}

}  // namespace

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

std::optional<OwnSide> OwnSide::make(std::string& why, std::size_t ring_bytes) {
  OwnSide own;
  auto const size = shm_side_bytes + ring_bytes;
  own.fd_ = memory_file();
  if (!own.fd_ || ::ftruncate(own.fd_.get(), static_cast<off_t>(size)) != 0) {
    return refuse(why, "no memory file: " + errno_text(errno));
  }
  own.mapping_ = map_file(own.fd_.get(), size, PROT_READ | PROT_WRITE);
  if (own.mapping_.bytes().empty()) return refuse(why, "cannot map a memory file: " + errno_text(errno));
  // From here on only this mapping can write.
  if (::fcntl(own.fd_.get(), F_ADD_SEALS, seals_wanted | F_SEAL_FUTURE_WRITE) != 0) {
    return refuse(why, "cannot seal a memory file: " + errno_text(errno));
  }
  new (own.mapping_.bytes().data()) RingSide;
  return own;
}

RingSide& OwnSide::side() const noexcept { return *std::launder(reinterpret_cast<RingSide*>(mapping_.bytes().data())); }

std::optional<PeerSide> PeerSide::map(host::UniqueFd fd, std::string& why) {
  PeerSide peer;
  int const seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0) return refuse(why, "the peer's descriptor is no memory file");
  if ((seals & seals_wanted) != seals_wanted) return refuse(why, "the peer's memory file is not sealed");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return refuse(why, "the peer's memory file has no size: " + errno_text(errno));
  auto const ring_bytes = static_cast<std::uint64_t>(status.st_size) - shm_side_bytes;
  if (status.st_size <= static_cast<off_t>(shm_side_bytes) || !std::has_single_bit(ring_bytes) ||
      ring_bytes > shm_ring_bytes_max) {
    return refuse(why, "the peer's memory file has a size of " + std::to_string(status.st_size) + " bytes, which no ring has");
  }
  peer.mapping_ = map_file(fd.get(), static_cast<std::size_t>(status.st_size), PROT_READ);
  if (peer.mapping_.bytes().empty()) return refuse(why, "cannot map the peer's memory file: " + errno_text(errno));
  return peer;
}

RingSide const& PeerSide::side() const noexcept {
  return *std::launder(reinterpret_cast<RingSide const*>(mapping_.bytes().data()));
}

}  // namespace corps::net
