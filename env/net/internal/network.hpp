#pragma once

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
#include "env/host/internal/unique_fd.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/endpoint.hpp"
#include "env/net/internal/frame.hpp"
#include "env/net/internal/identity.hpp"
#include "env/net/internal/pulse.hpp"
#include "env/net/internal/resolver.hpp"
#include "env/net/internal/shm_link.hpp"
#include "env/net/internal/spin.hpp"
#include "env/net/internal/tls.hpp"
#include "env/net/internal/wire.hpp"
#include "env/sched/internal/outside.hpp"

namespace corps::net {

struct NetSettings {
  std::uint32_t frame_bytes_max = std::uint32_t{256} << 20;            // of one payload, received or sent
  std::chrono::nanoseconds handshake_limit = std::chrono::seconds{1};  // also for connecting to one address, and for names
  ShmUse shm = ShmUse::preferred;                                      // to Envs of this host, over Unix sockets
  std::chrono::nanoseconds linger_limit = std::chrono::seconds{1};     // a closing connection may be without progress
  Heartbeats heartbeats = {};                                          // to and of Envs of other hosts
  std::chrono::nanoseconds spin = Spin::budget_default;                // of a thread without work, before it sleeps
  std::shared_ptr<TlsContext const> tls = nullptr;                     // with it, TCP is spoken over TLS only
  Resolver::Lookup lookup = {};                                        // of host names; none: as the system says
};

/// What a Network tells its owner. Threads: all on the I/O thread, one at a time; they must not block. An exception ends the
/// process.
class Events {
 public:
  /// A peer that dialled has proved itself: may it connect? False tells it that it is a duplicate.
  virtual bool admit(Peer const& peer) = 0;
  /// `dialed`: dial() made it. The peer is open as well, or will be in a moment. Attach an outbox to it, or close it.
  virtual void on_open(std::shared_ptr<Carrier> carrier, bool dialed) = 0;
  /// The payload is valid during the call. The kind is none of the handshake, and not goodbye.
  virtual void on_frame(Carrier& carrier, Frame const& frame) = 0;
  /// Frames that came together, frames_at_once_max at most; unless it is overridden, on_frame for each. The rest is
  /// dropped after one for which the carrier is closed here; a close by another thread takes effect after all of them.
  virtual void on_frames(Carrier& carrier, std::span<Frame const> frames);
  /// The peer is on another host, and it is time to send it something, so that it knows that this Env is there.
  virtual void on_beat(Carrier& carrier) = 0;
  /// Exactly once after on_open, the last event of a carrier.
  virtual void on_closed(Carrier& carrier, std::string_view reason, Ending ending) = 0;
  /// Exactly once for a dial() that did not lead to on_open. `refused_as_duplicate`: the peer has, or is about to have, a
  /// carrier to this Env that it dialled itself.
  virtual void on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) = 0;

 protected:
  ~Events() = default;
};

using Log = std::function<void(std::string_view line)>;  // called on the I/O thread

/// The event loop of one Env with a thread of its own ("corps io"), its listeners and its carriers. "On the I/O thread" means on
/// the one that runs the loop just then: that one, or a thread without work (outside()).
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

  /// Listens and returns where it can be reached: a port 0 replaced by the number, a wildcard by the addresses of this host.
  /// Throws ConfigError, and then listens on none of them.
  std::vector<Endpoint> listen(std::vector<Endpoint> const& endpoints);

  /// Connects to a peer: the first endpoint that leads to it is taken. Names are looked up, and addresses tried in the order of
  /// RFC 8305. Ends in one on_open or one on_dial_failed, which names every address that was tried, and why not. A second dial to
  /// the same peer is a second connection.
  void dial(Peer expected, std::vector<Endpoint> endpoints);

  /// Calls `ready` on the I/O thread whenever `fd` is readable, until it returns false. `fd` stays the caller's, who may close it
  /// at any time. Throws std::system_error if the process has no descriptors left.
  void watch_readable(int fd, std::function<bool()> ready);
  /// Calls `done` once on the I/O thread when `fd`, which is closed then, can be read or written, or with the reason why that
  /// cannot be waited for; never after `forget_ready` with its number has been done there, nor after stop().
  void await_ready(std::uint64_t number, host::UniqueFd fd, bool to_write, std::function<void(std::string const& error)> done);
  void forget_ready(std::uint64_t number);
  /// Calls `work` once on the I/O thread, not before `delay` has passed; never after stop().
  void after(std::chrono::nanoseconds delay, std::function<void()> work);
  /// Calls `work` on the I/O thread, in the order posted; never after stop().
  void post(std::function<void()> work);

  /// For threads without work, which may run the I/O thread's callbacks in its place while there are links.
  std::shared_ptr<sched::Outside> outside();

  /// Makes the clock of this Env, whose work is done by who runs the event loop. It must not be destroyed before stop() has
  /// returned true.
  std::unique_ptr<mail::DeadlineClock> make_clock();

  /// Ends dials and handshakes, flushes and closes all connections, and ends the I/O thread: all within `limit`, after which what
  /// is left is closed as it is. Not on the I/O thread. False: a callback did not return; the I/O thread was left behind and the
  /// process should exit.
  bool stop(std::chrono::milliseconds limit);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the I/O thread
};

}  // namespace corps::net
