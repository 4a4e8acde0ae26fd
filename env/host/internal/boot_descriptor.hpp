#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "env/host/internal/unique_fd.hpp"

namespace corps::host {

/// Where a child finds what its starter has to tell it.
inline constexpr int boot_fd = 3;
/// What fits into it; more is refused on both sides.
inline constexpr std::size_t boot_bytes_max = std::size_t{16} << 20;

/// Bytes that hold a secret: overwritten before their memory is freed. Never copied.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  explicit SecretBytes(std::size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(SecretBytes const&) = delete;
  SecretBytes& operator=(SecretBytes const&) = delete;
  ~SecretBytes();

  std::span<std::byte> bytes() noexcept { return {bytes_.get(), size_}; }
  std::span<std::byte const> bytes() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

/// Overwrites a secret that is no longer needed, in a way that no optimiser removes.
void cleanse(std::span<std::byte> secret) noexcept;

/// Puts bytes into memory that has no name in any file system and that nobody can change any more, to be handed to
/// ProcessHost::spawn_self. Arguments and environment of a process can be read by others, this cannot.
/// Fails with Overloaded beyond boot_bytes_max, or where the system is out of memory or descriptors.
UniqueFd seal_boot_bytes(std::span<std::byte const> bytes);

/// In the child: takes the bytes from the descriptor and closes it in any case. Nothing is believed: that it is sealed, its magic
/// and its length are checked before memory is taken. Fails with Refused, and says that this process was not started by a Corps.
SecretBytes take_boot_bytes(int fd = boot_fd);

}  // namespace corps::host
