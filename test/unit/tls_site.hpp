#pragma once

#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "test/unit/net_test_kit.hpp"
#include "test/unit/tls_kit.hpp"

namespace corps::net::test {

/// A CA, and Envs that have certificates of it.
struct Site {
  NetSettings settings(Pem const& own, std::string const& trusted) {
    NetSettings settings;
    settings.handshake_limit = std::chrono::seconds(10);
    settings.tls = std::make_shared<TlsContext>(test::settings_of(folder, trusted, own));
    return settings;
  }
  NetSettings settings() { return settings(ca.issue({}), ca.pem()); }

  test::Folder folder;
  Authority ca;
};

inline bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

inline Endpoint listen(Node& node) { return node.network.listen({Endpoint{"tls:127.0.0.1:0"}}).at(0); }

inline std::string dial_failure(Node& node) {
  node.wait([&] { return !node.failed_dials.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.failed_dials.empty() ? "not failed" : node.failed_dials.front().reason;
}

/// The first line of its log.
inline std::string line_of(Node& node) {
  node.wait([&] { return !node.lines.empty(); });
  std::lock_guard const lock(node.mutex);
  return node.lines.empty() ? "no line" : node.lines.front();
}

inline RawTls raw_client(Endpoint const& endpoint, Manner const& manner) {
  auto result = connect_to(endpoint);
  RawSocket socket(std::move(std::get<Connecting>(result).fd));  // makes it blocking, with limits
  return RawTls(host::UniqueFd(::dup(socket.fd())), manner, false);
}

/// Accepts one connection and speaks TLS there, in a thread of its own, until the other side ends it.
class RawServer {
 public:
  explicit RawServer(Manner manner)
      : listener_(listen_on(Endpoint{"tcp:127.0.0.1:0"})), endpoint_(endpoint_of(listener_.get(), true)) {
    thread_ = std::thread([this, manner = std::move(manner)] {
      auto fd = accept_one(listener_.get());
      RawTls tls(std::move(fd), manner, true);
      if (tls.shake_hands()) tls.read(1 << 20);
      error_ = tls.error();
    });
  }
  RawServer(RawServer const&) = delete;
  RawServer& operator=(RawServer const&) = delete;
  ~RawServer() { join(); }

  static host::UniqueFd accept_one(int listener) {
    pollfd ready{listener, POLLIN, 0};
    ::poll(&ready, 1, 10'000);
    RawSocket socket(host::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)));
    return host::UniqueFd(::dup(socket.fd()));
  }

  Endpoint const& endpoint() const { return endpoint_; }
  /// What it was told in the end.
  std::string error() {
    join();
    return error_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  host::UniqueFd listener_;
  Endpoint endpoint_;
  std::string error_;
  std::thread thread_;
};

}  // namespace corps::net::test
