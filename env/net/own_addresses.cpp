#include "env/net/internal/own_addresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace corps::net {

namespace {

std::string text_of(int family, void const* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, address, text.data(), text.size()) == nullptr) return {};
  return family == AF_INET6 ? "[" + std::string(text.data()) + "]" : std::string(text.data());
}

}  // namespace

std::vector<Endpoint> reachable_at(Endpoint const& listening) {
  bool const both = listening.text.find(":[::]:") != std::string::npos;
  if (!both && listening.text.find(":0.0.0.0:") == std::string::npos) return {listening};
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) list = nullptr;
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> const owner(list, &::freeifaddrs);
  std::vector<Endpoint> v6;
  std::vector<Endpoint> v4;
  for (auto const* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0 || (each->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (both && each->ifa_addr->sa_family == AF_INET6) {
      auto const& address = reinterpret_cast<sockaddr_in6 const*>(each->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(&address)) v6.push_back(with_address(listening, text_of(AF_INET6, &address)));
    } else if (each->ifa_addr->sa_family == AF_INET) {
      auto const& address = reinterpret_cast<sockaddr_in const*>(each->ifa_addr)->sin_addr;
      v4.push_back(with_address(listening, text_of(AF_INET, &address)));
    }
  }
  v6.insert(v6.end(), v4.begin(), v4.end());
  if (v6.empty()) v6.push_back(with_address(listening, "127.0.0.1"));
  return v6;
}

}  // namespace corps::net
