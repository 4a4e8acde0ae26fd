#include "env/net/internal/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "corps/address.hpp"
#include "corps/error.hpp"

namespace corps::net {

namespace {

constexpr std::string_view unix_prefix = "unix:@";
constexpr std::string_view tcp_prefix = "tcp:";
constexpr std::string_view tls_prefix = "tls:";
static_assert(tcp_prefix.size() == tls_prefix.size());
constexpr int backlog = 4096;  // Envs of one boot dial at the same moment
// What the system keeps for a socket is before any frame that is sent later. It has no need of more than this: of what cannot
// leave yet, and of what has come within this host, where no bytes are on their way. The system takes both as hints.
constexpr int unsent_bytes_max = 128 << 10;
constexpr int unread_bytes_max = 256 << 10;

struct Address {
  union {
    sockaddr any;
    sockaddr_un un;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size = 0;

  Address() noexcept : un{} {}
};

[[noreturn]] void malformed(Endpoint const& endpoint) {
  throw ConfigError("\"" + endpoint.text + "\" is no endpoint; write tcp:127.0.0.1:<port>, tls:<address>:<port> or unix:@<name>");
}

Address unix_address(Endpoint const& endpoint, std::string_view name) {
  Address address;
  if (name.empty() || name.size() > sizeof(address.un.sun_path) - 1) malformed(endpoint);
  address.un.sun_family = AF_UNIX;
  std::ranges::copy(name, address.un.sun_path + 1);  // the leading zero makes it abstract
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Address tcp_address(Endpoint const& endpoint, std::string_view host_and_port, bool beyond_loopback) {
  auto const colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos) malformed(endpoint);
  std::string host(host_and_port.substr(0, colon));
  auto const port_text = host_and_port.substr(colon + 1);
  std::uint16_t port = 0;
  auto const [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc{} || end != port_text.data() + port_text.size()) malformed(endpoint);

  Address address;
  bool loopback = false;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    address.size = sizeof(address.v6);
    if (::inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) != 1) malformed(endpoint);
    loopback = IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
  } else {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    address.size = sizeof(address.v4);
    if (::inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) != 1) malformed(endpoint);
    loopback = (ntohl(address.v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  }
  if (!loopback && !beyond_loopback) {
    throw ConfigError("\"" + endpoint.text + "\" is not a loopback address; links beyond this host need TLS: set net.tls_ca, " +
                      "net.tls_certificate and net.tls_key, or use tcp:127.0.0.1:" + std::to_string(port) +
                      " or tcp:[::1]:" + std::to_string(port));
  }
  return address;
}

Address parse(Endpoint const& endpoint) {
  std::string_view const text = endpoint.text;
  if (text.starts_with(unix_prefix)) return unix_address(endpoint, text.substr(unix_prefix.size()));
  if (text.starts_with(tcp_prefix)) return tcp_address(endpoint, text.substr(tcp_prefix.size()), false);
  if (text.starts_with(tls_prefix)) return tcp_address(endpoint, text.substr(tls_prefix.size()), true);
  malformed(endpoint);
}

bool is_any_v6(Address const& address) noexcept {
  return address.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address.v6.sin6_addr);
}

host::UniqueFd make_socket(Address const& address) {
  return host::UniqueFd(::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

std::string remedy(int error, bool tcp) {
  switch (error) {
    case EADDRINUSE:
      return tcp ? "another program uses this port: stop it, or set another port (0 lets the system choose)"
                 : "another process uses this name: stop it, or boot again";
    case EACCES: return "ports below 1024 need privileges: set another port";
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return "this host does not have that address: use tcp:127.0.0.1:<port>";
    case EMFILE:
    case ENFILE: return "too many open files: raise the limit (ulimit -n)";
    default: return "check the address";
  }
}

std::string inet_text(Address const& address) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (address.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {  // IPv4 at a wildcard of both
    ::inet_ntop(AF_INET, address.v6.sin6_addr.s6_addr + 12, host.data(), host.size());
    return std::string(host.data()) + ":" + std::to_string(ntohs(address.v6.sin6_port));
  }
  if (address.any.sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &address.v6.sin6_addr, host.data(), host.size());
    std::string text = "[";
    text += host.data();
    return text + "]:" + std::to_string(ntohs(address.v6.sin6_port));
  }
  ::inet_ntop(AF_INET, &address.v4.sin_addr, host.data(), host.size());
  return std::string(host.data()) + ":" + std::to_string(ntohs(address.v4.sin_port));
}

constexpr auto unix_name_at = offsetof(sockaddr_un, sun_path) + 1;

Endpoint endpoint_at(Address const& address, bool tls) {
  if (address.any.sa_family != AF_UNIX) return {std::string(tls ? tls_prefix : tcp_prefix) + inet_text(address)};
  return {std::string(unix_prefix) + std::string(address.un.sun_path + 1, address.size - unix_name_at)};
}

/// An IPv6 address, or an IPv4 address as one.
using HostBytes = std::array<std::uint8_t, 16>;

HostBytes host_bytes(Address const& address) {
  HostBytes bytes{};
  if (address.any.sa_family == AF_INET6) {
    std::ranges::copy(address.v6.sin6_addr.s6_addr, bytes.begin());
  } else {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &address.v4.sin_addr, sizeof(address.v4.sin_addr));
  }
  return bytes;
}

std::optional<ucred> credentials(int fd) {
  ucred found{};
  socklen_t size = sizeof(found);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return std::nullopt;
  return found;
}

int family(int fd) {
  int found = AF_UNSPEC;
  socklen_t size = sizeof(found);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &found, &size);
  return found;
}

}  // namespace

Endpoint unix_endpoint(std::array<std::byte, corps_id_bytes> const& corps_id, Peer peer) {
  return {std::string(unix_prefix) + "corps-" + to_string(CorpsId{corps_id}) + "-" + std::to_string(peer.env) + "-" +
          std::to_string(peer.epoch)};
}

Family family_of(Endpoint const& endpoint) noexcept {
  if (endpoint.text.starts_with(unix_prefix)) return Family::local;
  return endpoint.text.find('[') == std::string::npos ? Family::v4 : Family::v6;
}

std::string host_name(Endpoint const& endpoint) {
  constexpr std::size_t name_bytes_max = 253;
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view others = "0123456789-._";
  std::string_view host = endpoint.text;
  if (!host.starts_with(tcp_prefix) && !host.starts_with(tls_prefix)) return {};
  host.remove_prefix(tcp_prefix.size());
  host = host.substr(0, host.rfind(':'));
  auto const allowed = [&](char c) { return letters.find(c) != letters.npos || others.find(c) != others.npos; };
  bool const name =
      host.find_first_of(letters) != host.npos && host.size() <= name_bytes_max && std::ranges::all_of(host, allowed);
  return name ? std::string(host) : std::string{};
}

Endpoint with_address(Endpoint const& endpoint, std::string const& address) {
  auto const colon = endpoint.text.rfind(':');
  return {endpoint.text.substr(0, tcp_prefix.size()) + address + endpoint.text.substr(colon)};
}

bool is_tls(Endpoint const& endpoint) noexcept { return endpoint.text.starts_with(tls_prefix); }

std::string unfit(Endpoint const& endpoint, bool has_tls) {
  if (is_tls(endpoint) && !has_tls) return "needs TLS: set net.tls_ca, net.tls_certificate and net.tls_key";
  if (endpoint.text.starts_with(tcp_prefix) && has_tls)
    return "is without TLS, and this Env has it (net.tls_ca): set it for all Envs of the Corps";
  return {};
}

host::UniqueFd listen_on(Endpoint const& endpoint) {
  auto const address = parse(endpoint);
  auto fd = make_socket(address);
  // Where there is no IPv6, IPv4 is all there is.
  if (!fd && errno == EAFNOSUPPORT && is_any_v6(address)) return listen_on(with_address(endpoint, "0.0.0.0"));
  bool const tcp = address.any.sa_family != AF_UNIX;
  int const yes = 1;
  // Connections of a previous run that the kernel still remembers do not hold the port; a program that listens on it does.
  if (fd && tcp) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  int const no = 0;
  if (fd && is_any_v6(address)) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  if (!fd || ::bind(fd.get(), &address.any, address.size) != 0 || ::listen(fd.get(), backlog) != 0) {
    int const error = errno;
    throw ConfigError("cannot listen on " + endpoint.text + ": " + std::generic_category().message(error) + "; " +
                      remedy(error, tcp));
  }
  return fd;
}

Endpoint endpoint_of(int listening_fd, bool tls) {
  Address address;
  address.size = sizeof(address.un);
  ::getsockname(listening_fd, &address.any, &address.size);
  return endpoint_at(address, tls);
}

Endpoint far_endpoint(int fd, bool tls) {
  Address address;
  address.size = sizeof(address.un);
  if (::getpeername(fd, &address.any, &address.size) != 0) return {};
  return address.any.sa_family == AF_UNIX && address.size <= unix_name_at ? endpoint_of(fd) : endpoint_at(address, tls);
}

int process_at(int fd) {
  auto const peer = is_unix(fd) ? credentials(fd) : std::nullopt;
  return peer ? peer->pid : 0;
}

std::variant<Connecting, ConnectError> connect_to(Endpoint const& endpoint) {
  Address address;
  try {
    address = parse(endpoint);
  } catch (ConfigError const& error) {
    return ConnectError{error.text()};
  }
  Connecting connecting{make_socket(address)};
  if (connecting.fd) {
    if (::connect(connecting.fd.get(), &address.any, address.size) == 0) {
      connecting.done = true;
      return connecting;
    }
    if (errno == EINPROGRESS) return connecting;
  }
  int const error = errno;
  return ConnectError{errno_text(error), error == EAGAIN};
}

std::string stranger(int fd) {
  if (!is_unix(fd)) return {};
  auto const peer = credentials(fd);
  if (!peer) return "the kernel does not say who is at the other end";
  if (peer->uid == ::geteuid()) return {};
  return "the other end runs as user id " + std::to_string(peer->uid) + ", this process as " + std::to_string(::geteuid());
}

void tune(int fd) {
  if (is_unix(fd)) return;
  int const yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof(unsent_bytes_max));
  if (within_host(fd)) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &unread_bytes_max, sizeof(unread_bytes_max));
}

bool is_unix(int fd) { return family(fd) == AF_UNIX; }

bool within_host(int fd) {
  Address own;
  Address peer;
  own.size = peer.size = sizeof(own.un);
  if (::getsockname(fd, &own.any, &own.size) != 0 || ::getpeername(fd, &peer.any, &peer.size) != 0) return true;
  if (own.any.sa_family == AF_UNIX) return true;
  constexpr HostBytes loopback_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<std::uint8_t, 13> loopback_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, IN_LOOPBACKNET};
  auto const host = host_bytes(peer);
  return host == host_bytes(own) || host == loopback_v6 || std::equal(loopback_v4.begin(), loopback_v4.end(), host.begin());
}

void limit_silence(int fd, std::chrono::nanoseconds limit) {
  auto const set = [fd](int level, int option, std::int64_t value) {
    int const bounded = static_cast<int>(std::clamp<std::int64_t>(value, 1, 30'000'000));
    ::setsockopt(fd, level, option, &bounded, sizeof(bounded));
  };
  constexpr int probes = 3;
  auto const probe_s = std::chrono::ceil<std::chrono::seconds>(limit / (probes + 1)).count();
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, probe_s);
  set(IPPROTO_TCP, TCP_KEEPINTVL, probe_s);
  set(IPPROTO_TCP, TCP_KEEPCNT, probes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, std::chrono::ceil<std::chrono::milliseconds>(limit).count());
}

std::string remote_text(int fd) {
  if (is_unix(fd)) {
    auto const peer = credentials(fd);
    return peer ? "pid " + std::to_string(peer->pid) + " over a Unix socket" : "a Unix socket";
  }
  Address address;
  address.size = sizeof(address.un);
  if (::getpeername(fd, &address.any, &address.size) != 0) return "a TCP connection that is gone";
  return inet_text(address);
}

std::string errno_text(int error) {
  switch (error) {
    case ECONNRESET: return "connection reset by peer";
    case EPIPE: return "connection closed by peer";
    case ECONNREFUSED: return "connection refused: nobody listens there";
    default: return std::generic_category().message(error);
  }
}

}  // namespace corps::net
