#include "env/boot/internal/settings.hpp"

#include <algorithm>

namespace corps::startup {

std::uint32_t worker_threads(Settings const& settings, std::uint32_t cores, std::uint32_t envs_on_host) noexcept {
  if (settings.env.threads > 0) return settings.env.threads;
  return std::max(1U, cores / std::max(1U, envs_on_host));
}

}  // namespace corps::startup
