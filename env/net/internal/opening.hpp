#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/net/internal/handshake.hpp"
#include "env/net/internal/reactor.hpp"
#include "env/net/internal/shm_link.hpp"
#include "env/net/internal/tls_channel.hpp"

namespace corps::net {

/// A connection that is not one yet: connecting, or in its handshake. Lives on the I/O thread.
class Opening final : public std::enable_shared_from_this<Opening> {
 public:
  class Owner {
   public:
    virtual std::span<std::byte> read_buffer() = 0;
    virtual bool admit(Peer const& peer) = 0;
    /// There is no shared memory to be had for this connection, which goes on without.
    virtual void on_no_shm(std::string const& reason) = 0;
    /// Established: the socket is the owner's now. `rest` came after the handshake; valid during the call. `shm`: if not null,
    /// all that follows goes through it. `tls`: if not null, it is spoken over TLS, of which `rest` is the content.
    virtual void on_opened(Opening& opening, host::UniqueFd fd, std::span<std::byte const> rest, std::unique_ptr<ShmLink> shm,
                           std::unique_ptr<TlsChannel> tls) = 0;
    /// The socket is closed.
    virtual void on_failed(Opening& opening, std::string const& reason) = 0;

   protected:
    ~Owner() = default;
  };

  Opening(Reactor& reactor, Owner& owner, Handshake handshake, host::UniqueFd fd, std::uint64_t started_ns, ShmUse shm_use,
          std::unique_ptr<TlsChannel> tls = nullptr);

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
  bool take_records(std::span<std::byte const>& bytes);
  void go_on(std::span<std::byte const> rest);
  bool send_output();
  bool send_over_tls(std::span<std::byte const> bytes);
  std::string closed_text(int error) const;
  ssize_t receive(std::span<std::byte> buffer);
  bool offer_shm();
  bool take_shm();

  Owner& owner_;
  Handshake handshake_;
  std::optional<Descriptor> descriptor_;  // none: it has ended
  std::optional<Timer> limit_;
  std::string remote_;
  std::uint64_t started_ns_;
  ShmUse shm_use_;
  bool dialed_ = false;
  bool offers_shm_ = false;  // with what is sent next
  std::unique_ptr<ShmLink> shm_;
  std::unique_ptr<TlsChannel> tls_;  // null: not spoken here
  std::vector<std::byte> content_;   // of what came over TLS last
  ShmDescriptors of_peer_;           // as they came
  bool has_of_peer_ = false;
};

}  // namespace corps::net
