#pragma once

#include <cstdint>

#include "corps/address.hpp"

namespace corps::detail {

/// How a ConcId is made: epoch (16 bits) | use (24 bits) | slot (24 bits).
struct ConcIdParts {
  std::uint32_t epoch = 0;
  std::uint32_t use = 0;
  std::uint32_t slot = 0;
};

inline constexpr std::uint32_t slots_max = 1U << 24U;  // Workers that live in one Env at a time
inline constexpr std::uint32_t uses_max = 1U << 24U;   // Workers that one slot serves before it is retired
inline constexpr std::uint32_t epochs_max = 1U << 16U;

constexpr ConcId join(ConcIdParts parts) {
  return ConcId{(std::uint64_t{parts.epoch} << 48U) | (std::uint64_t{parts.use} << 24U) | parts.slot};
}

constexpr ConcIdParts split(ConcId id) {
  auto const bits = static_cast<std::uint64_t>(id);
  return {static_cast<std::uint32_t>(bits >> 48U), static_cast<std::uint32_t>(bits >> 24U) & (uses_max - 1),
          static_cast<std::uint32_t>(bits) & (slots_max - 1)};
}

}  // namespace corps::detail
