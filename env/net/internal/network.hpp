#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/host/internal/clock.hpp"
#include "env/host/internal/random.hpp"
#include "env/net/internal/endpoint.hpp"
#include "env/net/internal/identity.hpp"
#include "env/net/internal/wire.hpp"

namespace corps::net {

struct NetSettings {
  std::uint32_t frame_bytes_max = std::uint32_t{256} << 20;            // of one payload, received or sent
  std::size_t batch_bytes_max = std::size_t{64} << 20;                 // queued in one connection; past it send() says `full`
  std::chrono::nanoseconds handshake_limit = std::chrono::seconds{1};  // also for connecting to one endpoint
  std::chrono::nanoseconds linger_limit = std::chrono::seconds{1};     // a closing connection may be without progress
};

enum class SendResult : std::uint8_t {
  sent,       // the whole frame is in the socket or in the batch
  full,       // nothing was taken: the batch is at its limit
  too_large,  // nothing was taken: the frame is over frame_bytes_max
  closed,     // the connection is closed, or closing
};

/// When a frame leaves: at once, or with the next flush() or frame that does.
enum class Flush : std::uint8_t { now, later };

/// One authenticated stream of frames to one peer. Frames arrive in the order in which send() took them.
/// Threads: all may be called from any thread, also inside Events. Ownership: shared; a connection that is closed holds no
/// socket. Dropping the last pointer does not close it: the Network has its own until then.
class Connection {
 public:
  virtual ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  Peer peer() const noexcept { return peer_; }

  /// Takes one frame whose payload is `head` followed by `body`; both are free again when it returns. If nobody is writing, the
  /// calling thread writes, without blocking; else the frame joins the batch that the writer takes next. What the socket
  /// does not take at once is left to the I/O thread. `kind` is request, answer, error or control.
  virtual SendResult send(FrameKind kind, std::span<std::byte const> head, std::span<std::byte const> body = {},
                          Flush flush = Flush::now) = 0;
  /// Writes what was sent with Flush::later. Whoever sends later must flush at the end of its turn.
  virtual void flush() = 0;
  /// Bytes in the batch that the socket has not taken.
  virtual std::size_t queued_bytes() const = 0;

  /// Closes without writing what is queued. Events::on_closed follows on the I/O thread with this reason; called on the I/O
  /// thread, no on_frame begins after it. The first reason counts.
  virtual void close(std::string reason) = 0;
  /// Writes all that is queued, tells the peer why (256 bytes at most), and closes when the peer has, or has taken nothing for
  /// linger_limit. send() says `closed` from now on; frames of the peer still arrive.
  virtual void flush_and_close(std::string reason) = 0;

  /// A slot for whoever implements Events: the network neither reads nor frees it.
  void set_user_data(std::uintptr_t value) noexcept { user_data_.store(value, std::memory_order_release); }
  std::uintptr_t user_data() const noexcept { return user_data_.load(std::memory_order_acquire); }

 protected:
  explicit Connection(Peer peer) noexcept : peer_(peer) {}

 private:
  Peer peer_;
  std::atomic<std::uintptr_t> user_data_{0};
};

/// What a Network tells its owner. Threads: all on the I/O thread, one at a time; they must not block. An exception ends the
/// process.
class Events {
 public:
  /// A peer that dialled has proved itself: may it connect? False tells it that it is a duplicate.
  virtual bool admit(Peer const& peer) = 0;
  /// `dialed`: dial() made it. The peer is open as well, or will be in a moment.
  virtual void on_open(std::shared_ptr<Connection> connection, bool dialed) = 0;
  /// `payload` is valid during the call. `kind` is request, answer, error or control.
  virtual void on_frame(Connection& connection, FrameKind kind, std::span<std::byte const> payload) = 0;
  /// Exactly once after on_open, the last event of a connection.
  virtual void on_closed(Connection& connection, std::string_view reason) = 0;
  /// Exactly once for a dial() that did not lead to on_open. `refused_as_duplicate`: the peer has, or is about to have, a
  /// connection with this Env that it dialled itself.
  virtual void on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) = 0;

 protected:
  ~Events() = default;
};

using Log = std::function<void(std::string_view line)>;  // called on the I/O thread

/// The I/O thread of one Env ("corps.io"), its listeners and its connections.
/// Threads: all but stop() may be called from any thread. `events` and `random` and `clock` must outlive it.
class Network {
 public:
  Network(Identity identity, NetSettings settings, Events& events, Log log, host::Random& random = host::Random::system(),
          host::Clock& clock = host::Clock::system());
  /// As stop() without time to drain.
  ~Network();
  Network(Network const&) = delete;
  Network& operator=(Network const&) = delete;

  /// Starts the I/O thread. What was asked for before happens then.
  void start();

  /// Listens and returns the endpoints it got, a port 0 replaced by the number. Throws ConfigError, and then listens on none of
  /// them.
  std::vector<Endpoint> listen(std::vector<Endpoint> const& endpoints);

  /// Connects to a peer: tries the endpoints in their order, the first that leads to the expected peer is taken. Ends in one
  /// on_open or one on_dial_failed. A second dial to the same peer is a second connection.
  void dial(Peer expected, std::vector<Endpoint> endpoints);

  /// Calls `ready` on the I/O thread whenever `fd` is readable, until it returns false. `fd` stays the caller's, who may close it
  /// at any time. Throws std::system_error if the process has no descriptors left.
  void watch_readable(int fd, std::function<bool()> ready);
  /// Calls `work` once on the I/O thread, not before `delay` has passed; never after stop().
  void after(std::chrono::nanoseconds delay, std::function<void()> work);
  /// Calls `work` on the I/O thread, in the order posted; never after stop().
  void post(std::function<void()> work);

  /// Ends dials and handshakes, flushes and closes all connections, and ends the I/O thread: all within `limit`, after which what
  /// is left is closed as it is. Not on the I/O thread. False: a callback did not return; the I/O thread was left behind and the
  /// process should exit.
  bool stop(std::chrono::milliseconds limit);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the I/O thread
};

}  // namespace corps::net
