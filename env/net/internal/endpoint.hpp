#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/identity.hpp"

namespace corps::net {

/// Where an Env can be reached: "unix:@name" (abstract), "tcp:127.0.0.1:4711", "tcp:[::1]:4711", "tls:192.0.2.1:4711",
/// "tls:host2.example:4711"; to listen on also the wildcards "tls:0.0.0.0:0" and "tls:[::]:0", which is IPv4 as well.
struct Endpoint {
  std::string text;

  friend bool operator==(Endpoint const&, Endpoint const&) = default;
};

/// The Unix endpoint that belongs to one life of an Env.
Endpoint unix_endpoint(std::array<std::byte, corps_id_bytes> const& corps_id, Peer peer);

enum class Family : std::uint8_t { local, v4, v6 };
/// Of an endpoint without a host name.
Family family_of(Endpoint const& endpoint) noexcept;
/// The host, if it is a name that stands for addresses; else empty.
std::string host_name(Endpoint const& endpoint);
/// The same with this numeric address (IPv6 in brackets) for its host.
Endpoint with_address(Endpoint const& endpoint, std::string const& address);

/// Whether what is said there is said over TLS. Without it, only loopback addresses are spoken to.
bool is_tls(Endpoint const& endpoint) noexcept;
/// Why an Env with TLS, or without, neither listens there nor dials it; empty if it may.
std::string unfit(Endpoint const& endpoint, bool has_tls);

/// A new socket that listens there; not blocking, close-on-exec. Throws ConfigError with address and remedy: malformed, not
/// loopback, in use.
host::UniqueFd listen_on(Endpoint const& endpoint);

/// The endpoint a listening socket has got: port 0 has become a number.
Endpoint endpoint_of(int listening_fd, bool tls = false);

/// Where a connected socket leads. Of a Unix socket the name that was dialled, whichever end has it.
Endpoint far_endpoint(int fd, bool tls);
/// The process at the other end of a connected socket; 0 where the system does not say: over TCP.
int process_at(int fd);

struct Connecting {
  host::UniqueFd fd;
  bool done = false;  // else wait until it is writable
};
struct ConnectError {
  std::string text;
  bool try_again = false;  // the backlog of the peer is full at this moment
};
/// Begins to connect; the socket is not blocking and close-on-exec.
std::variant<Connecting, ConnectError> connect_to(Endpoint const& endpoint);

/// Empty if the peer of a connected socket may be spoken to: over Unix sockets it must have our user id.
std::string stranger(int fd);
/// Sets what a connected socket should have: frames leave at once, and the system keeps little in front of them.
void tune(int fd);
bool is_unix(int fd);
/// Whether the other end of a connected socket is on this host: a Unix socket, the loopback, or the same address at both ends.
bool within_host(int fd);
/// The system ends a TCP connection whose other end gives no sign for that long, also in the middle of sending.
void limit_silence(int fd, std::chrono::nanoseconds limit);
/// Who is at the other end, for logs: "pid 17 over a Unix socket", "127.0.0.1:5555".
std::string remote_text(int fd);
/// "Connection reset by peer", with words of our own for what happens daily.
std::string errno_text(int error);

}  // namespace corps::net
