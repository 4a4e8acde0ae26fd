#include "env/net/internal/crc32c.hpp"

#include <isa-l/crc.h>

namespace corps::net {

std::uint32_t crc32c(std::uint32_t so_far, std::span<std::byte const> bytes) noexcept {
  // The library only reads, though its types do not say so.
  auto* const begin = const_cast<unsigned char*>(reinterpret_cast<unsigned char const*>(bytes.data()));
  return ::crc32_iscsi(begin, static_cast<int>(bytes.size()), so_far);
}

}  // namespace corps::net
