#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "env/net/internal/handshake.hpp"
#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// A connection that is not one yet: connecting, or in its handshake. Lives on the I/O thread.
class Opening final : public std::enable_shared_from_this<Opening> {
 public:
  class Owner {
   public:
    virtual std::span<std::byte> read_buffer() = 0;
    virtual bool admit(Peer const& peer) = 0;
    /// Established: the socket is the owner's now. `rest` came after the handshake; valid during the call.
    virtual void on_opened(Opening& opening, host::UniqueFd fd, std::span<std::byte const> rest) = 0;
    /// The socket is closed.
    virtual void on_failed(Opening& opening, std::string const& reason) = 0;

   protected:
    ~Owner() = default;
  };

  Opening(Reactor& reactor, Owner& owner, Handshake handshake, host::UniqueFd fd, std::uint64_t started_ns);

  /// Waits until the socket is connected, then speaks first. Both: ends within `limit` in on_opened or on_failed, never before
  /// it returned.
  void start_dialed(std::chrono::nanoseconds limit);
  void start_accepted(std::chrono::nanoseconds limit);
  /// Ends in on_failed now, unless it has ended.
  void fail(std::string const& reason);

  Handshake const& handshake() const noexcept { return handshake_; }
  std::string const& remote() const noexcept { return remote_; }
  std::uint64_t started_ns() const noexcept { return started_ns_; }

 private:
  void start_limit(std::chrono::nanoseconds limit);
  void on_connected();
  void on_readable();
  void go_on(std::span<std::byte const> rest);
  bool send_output();

  Owner& owner_;
  Handshake handshake_;
  std::optional<Descriptor> descriptor_;  // none: it has ended
  std::optional<Timer> limit_;
  std::string remote_;
  std::uint64_t started_ns_;
};

}  // namespace corps::net
