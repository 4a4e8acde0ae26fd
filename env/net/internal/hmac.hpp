#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>

namespace corps::net {

using Digest = std::array<std::byte, 32>;

/// HMAC-SHA256 (RFC 2104) of the parts, one after the other. Threads: any. Costs about 1 µs, the first call not more.
Digest hmac_sha256(std::span<std::byte const> key, std::initializer_list<std::span<std::byte const>> parts) noexcept;

/// Whether both hold the same bytes, in a time that tells nothing about where they differ.
bool equal_in_constant_time(std::span<std::byte const> left, std::span<std::byte const> right) noexcept;

/// Overwrites a secret that is needed no longer.
void wipe(std::span<std::byte> secret) noexcept;

}  // namespace corps::net
