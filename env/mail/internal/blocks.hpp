#pragma once

#include <cstddef>
#include <cstdint>

#include "corps/detail/blocks.hpp"

namespace corps::mail {

// How much is kept in all: by each thread at most two batches of each of 64 sizes (4.3 MB if it used them all), and so many bytes
// for all threads together.
inline constexpr std::size_t blocks_per_batch = 64;
inline constexpr std::size_t shared_bytes_max = std::size_t{16} << 20U;

/// How many blocks the calling thread has ever taken.
std::uint64_t blocks_taken_here() noexcept;

/// Bytes that wait for any thread to take them.
std::size_t shared_block_bytes() noexcept;

}  // namespace corps::mail
