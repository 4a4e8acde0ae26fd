#pragma once

#include <vector>

#include "env/boot/internal/settings.hpp"
#include "env/net/internal/network.hpp"

namespace corps::mgr {

bool has_tls(startup::NetSettings const& net) noexcept;

/// Listens where an Env of this configuration is to be reached: by Envs of its host, and of others. Returns what to tell them.
/// Throws ConfigError.
std::vector<net::Endpoint> listen(net::Network& network, startup::Settings const& settings, net::Identity const& identity);

/// Leaves of the endpoints of an Env those by which `from` reaches it: Unix sockets end at the host.
void leave_out_of_reach(std::vector<net::Endpoint>& endpoints, startup::Settings const& settings, EnvId from, EnvId to);

}  // namespace corps::mgr
