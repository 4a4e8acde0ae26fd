#include "env/mgr/internal/own_endpoints.hpp"

#include <string>

#include "env/boot/internal/units.hpp"

namespace corps::mgr {
namespace {

using startup::CarrierChoice;

/// Without `addresses` of a host: on loopback, or where net.listen says, if anywhere.
std::vector<std::string> wanted_addresses(startup::NetSettings const& net, bool first) {
  if (net.carrier == CarrierChoice::unix_socket || net.carrier == CarrierChoice::shared_memory) return {};
  if (first && !net.listen.empty()) return {net.listen};
  if (net.carrier != CarrierChoice::tcp) return {};
  return {(net.listen.empty() ? std::string{"127.0.0.1"} : net.listen.substr(0, net.listen.rfind(':'))) + ":0"};
}

}  // namespace

bool has_tls(startup::NetSettings const& net) noexcept { return !net.tls_ca.empty(); }

std::vector<net::Endpoint> listen(net::Network& network, startup::Settings const& settings, net::Identity const& identity) {
  auto const self = identity.self;
  std::string const scheme = has_tls(settings.net) ? "tls:" : "tcp:";
  std::vector<net::Endpoint> endpoints;
  if (settings.net.carrier != CarrierChoice::tcp) endpoints.push_back(net::unix_endpoint(identity.corps_id, self));
  bool named = false;
  if (settings.hosts.size() > 1) {
    for (auto const& address : settings.hosts[host_of(settings, self.env)].addresses) {
      if (startup::is_numeric(address)) endpoints.push_back({scheme + startup::show_endpoint({address, 0})});
      named = named || !startup::is_numeric(address);
    }
  } else {
    for (auto const& address : wanted_addresses(settings.net, self.env == 0)) endpoints.push_back({scheme + address});
  }
  auto reachable = network.listen(endpoints);
  if (!named) return reachable;
  // A name may stand for any of the addresses: each that dials finds out which, and how the host is reached from there.
  auto const at = network.listen({{scheme + "[::]:0"}}).at(0);
  for (auto const& address : settings.hosts[host_of(settings, self.env)].addresses)
    if (!startup::is_numeric(address)) reachable.push_back(net::with_address(at, address));
  return reachable;
}

void leave_out_of_reach(std::vector<net::Endpoint>& endpoints, startup::Settings const& settings, EnvId from, EnvId to) {
  bool const here = host_of(settings, from) == host_of(settings, to);
  bool const never_tcp =
      settings.net.carrier == CarrierChoice::unix_socket || settings.net.carrier == CarrierChoice::shared_memory;
  std::erase_if(endpoints, [&](net::Endpoint const& endpoint) {
    bool const local = net::family_of(endpoint) == net::Family::local;
    return here ? !local && never_tcp : local;
  });
}

}  // namespace corps::mgr
