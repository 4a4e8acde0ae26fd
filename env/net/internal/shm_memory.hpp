#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/shm_ring.hpp"

namespace corps::net {

/// The ring of one direction. A link has two: 64 KiB each and a page for the counts, so that one that has been used holds 136
/// KiB, and one that has not been used two pages.
inline constexpr std::size_t shm_ring_bytes = std::size_t{64} << 10;
inline constexpr std::size_t shm_ring_bytes_max = std::size_t{1} << 20;  // of a peer's
inline constexpr std::size_t shm_side_bytes = 4096;                      // before the ring

/// A mapping that ends with its owner.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(std::byte* begin, std::size_t size) noexcept : bytes_(begin, size) {}
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

/// The memory that one side of a link writes and the other reads: a file without a name that neither can make smaller or larger
/// and that nobody but its maker can write, whoever has its descriptor.
/// Threads: as what is in it. Moving it leaves the memory where it is.
class OwnSide {
 public:
  /// Nothing if the system has no such memory to give, or none that can be sealed; `why` says which.
  static std::optional<OwnSide> make(std::string& why, std::size_t ring_bytes = shm_ring_bytes);

  RingSide& side() const noexcept;
  std::span<std::byte> ring() const noexcept { return mapping_.bytes().subspan(shm_side_bytes); }
  /// For the peer; may be closed once it has been sent.
  host::UniqueFd& fd() noexcept { return fd_; }

 private:
  Mapping mapping_;
  host::UniqueFd fd_;
};

/// The peer's, which can be read and may say anything.
class PeerSide {
 public:
  /// Nothing if `fd` is not what OwnSide::make() makes; `why` says what is wrong with it. It is not mapped before its seals and
  /// its size are known to be right: of memory that can still shrink, one read could end this process.
  static std::optional<PeerSide> map(host::UniqueFd fd, std::string& why);

  RingSide const& side() const noexcept;
  std::span<std::byte const> ring() const noexcept {
    return std::span<std::byte const>(mapping_.bytes()).subspan(shm_side_bytes);
  }

 private:
  Mapping mapping_;
};

}  // namespace corps::net
