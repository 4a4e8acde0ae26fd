#include "env/host/internal/memory.hpp"

#include <malloc.h>

#include <cstdlib>
#include <string_view>

namespace corps::host {

namespace {

bool operator_has_set() noexcept {
  auto const* const tunables = std::getenv("GLIBC_TUNABLES");
  return (tunables != nullptr && std::string_view(tunables).find("glibc.malloc.") != std::string_view::npos) ||
         std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr || std::getenv("MALLOC_MMAP_THRESHOLD_") != nullptr;
}

}  // namespace

void keep_freed_memory() noexcept {
  if (operator_has_set()) return;
  ::mallopt(M_MMAP_THRESHOLD, int{own_pages_bytes_min});
  ::mallopt(M_TRIM_THRESHOLD, int{freed_memory_kept_bytes_max});
}

}  // namespace corps::host
