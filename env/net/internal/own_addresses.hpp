#pragma once

#include <vector>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

/// Where others reach whoever listens there: for a wildcard ("tls:[::]:4711") each address of this host, IPv6 first, without
/// those that mean something on this host or one wire only; the loopback if there is no other.
std::vector<Endpoint> reachable_at(Endpoint const& listening);

}  // namespace corps::net
