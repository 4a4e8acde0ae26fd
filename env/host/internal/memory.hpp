#pragma once

#include <cstddef>

namespace corps::host {

/// Of each heap of the process (the C library has one for each few threads), what stays with it when it is freed.
inline constexpr std::size_t freed_memory_kept_bytes_max = std::size_t{16} << 20;
/// Blocks from here on are made of pages of their own, which go back to the system as soon as they are freed.
inline constexpr std::size_t own_pages_bytes_min = std::size_t{4} << 20;

/// From now on memory that is freed serves the next block, within these two limits: else each argument of a megabyte costs the
/// system calls and page faults of memory that is made anew, more than all the copying of its bytes. The limits that the C
/// library finds for itself are higher in the end, up to 64 and 32 MiB, but as low as 128 KiB until something large has been
/// freed. What the operator sets (GLIBC_TUNABLES, MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_) stays as it is; so does another
/// allocator. Early, before other threads allocate.
void keep_freed_memory() noexcept;

}  // namespace corps::host
