#include "env/boot/internal/settings.hpp"

#include <algorithm>

namespace corps::startup {

std::size_t host_of(Settings const& settings, std::uint32_t env) noexcept {
  std::size_t host = 0;
  for (std::uint32_t envs = 0; host + 1 < settings.hosts.size(); ++host) {
    envs += settings.hosts[host].envs;
    if (env < envs) break;
  }
  return host;
}

std::uint32_t worker_threads(Settings const& settings, std::uint32_t cores, std::uint32_t envs_on_host) noexcept {
  if (settings.env.threads > 0) return settings.env.threads;
  return std::max(1U, cores / std::max(1U, envs_on_host));
}

}  // namespace corps::startup
