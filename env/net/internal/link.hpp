#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "corps/detail/envelope.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/frame_queue.hpp"

namespace corps::net {

struct LinkLimits {
  std::size_t in_flight_bytes_max = std::size_t{64} << 20;  // limits.in_flight_per_link: queued requests; more are Overloaded
  std::size_t message_bytes_max = std::size_t{256} << 20;   // limits.message
  /// Queued bytes of all kinds. Replies are never refused for want of room, since open calls bound them; so there is room for
  /// them on top of the requests that are let in, and whoever goes past it is not spoken to any more.
  std::size_t queued_bytes_max = 2 * ((std::size_t{64} << 20) + (std::size_t{256} << 20));
};

/// The way to one other Env: the calls that are away over it, and what waits until it is up.
/// Threads: any, where nothing else is said. It lives as long as the Env does.
class Link final : public detail::Origin, private Outbox {
 public:
  Link(EnvId self, EnvId env, LinkLimits limits) : self_(self), env_(env), limits_(limits) {}

  EnvId env() const noexcept { return env_; }

  /// Takes a request over. True: the caller must see to it that a carrier is made.
  bool send(std::unique_ptr<detail::Request> request) noexcept;
  bool send_control(std::span<std::byte const> bytes);
  /// The answer to a request that came over this link. Dropped when the caller's Env is gone.
  void answer(std::unique_ptr<detail::Request> request) noexcept override;

  // The carrier; on the I/O thread, but for wants_carrier. Two Envs may dial each other at the same moment; the carrier of the
  // lower number stands. A link that is dialing or up refuses the peer's carrier, unless the peer wins.

  /// True if nobody makes a carrier yet: the caller must see to it. Any thread.
  bool wants_carrier();
  /// True: dial now. False: meanwhile the peer has made one, or it is not wanted any more.
  bool begin_dial();
  /// A dial has failed. True: once more.
  bool dial_failed();
  /// The peer says that it makes a carrier already: wait for that.
  void await_peer();
  /// The time to wait for the peer's carrier is over. True: dial again.
  bool peer_is_late();
  bool admits_carrier_of_peer();
  /// False: there is one already, or none is wanted, and this one is closed.
  bool carrier_up(std::shared_ptr<Carrier> carrier);
  /// The carrier is gone: what was sent over it ends, with how the Env ended once that is known, at the latest when `give_up` is
  /// called. False if it was not the one in use.
  bool carrier_down(Carrier& carrier);

  /// No carrier can be made: what waits for one ends; it was not run.
  void fail_unsent(std::string const& why);
  /// The Env has ended: every call ends, and later ones at once. True: what it sent before is still being read, and the caller
  /// must call `give_up` in a while.
  bool env_ended(std::string const& why);
  /// Ends the calls of a carrier that is gone, and of an Env that is.
  void give_up(std::string const& why);

  // Frames of the peer; on the I/O thread. Throws DecodeError for bytes no honest peer sends.
  void on_request(std::span<std::byte const> payload);
  void on_answer(std::span<std::byte const> payload);
  void on_error(std::span<std::byte const> payload);

 private:
  enum class State : std::uint8_t {
    idle,      // no carrier, none wanted
    wanted,    // this side will make one
    dialing,   // this side makes one
    awaiting,  // the other side makes one
    up,
  };
  using Calls = std::unordered_map<std::uint64_t, std::unique_ptr<detail::Request>>;

  /// A packed request that waits for the carrier.
  struct Unsent {
    detail::ByteBuffer frame;
    std::unique_ptr<detail::Request> tell;  // null for a call, which is among the unsent calls
  };

  bool keep_unsent(std::uint64_t number, detail::ByteBuffer frame, std::unique_ptr<detail::Request> request);
  std::unique_ptr<detail::Request> take_open(std::uint64_t number);
  void take_unsent(Calls& calls, std::vector<Unsent>& frames);
  void end_unsent(Calls calls, std::vector<Unsent> frames, std::string const& why) const noexcept;
  void end_lost(Calls calls, std::string const& why) const noexcept;
  void answer_with_error(std::uint64_t call, ErrorInfo error) noexcept;
  bool reply(FrameKind kind, detail::ByteBuffer frame) noexcept;
  std::size_t queued_bytes() noexcept;
  bool queue(FrameKind kind, detail::ByteBuffer frame) noexcept;

  std::size_t offer(Carrier& by, std::span<Piece> pieces) noexcept override;
  void taken(Carrier& by, std::size_t bytes) noexcept override;

  EnvId self_;
  EnvId env_;
  LinkLimits limits_;
  std::atomic<std::uint64_t> last_number_{0};

  std::mutex mutex_;
  State state_ = State::idle;
  int failed_dials_ = 0;  // in a row
  std::string gone_;      // how the Env ended
  std::shared_ptr<Carrier> carrier_;
  std::vector<Unsent> unsent_;
  std::size_t unsent_bytes_ = 0;
  Calls unsent_calls_;
  Calls open_;     // sent over the carrier in use
  Calls orphans_;  // sent over one that is gone; they wait for the word how the Env ended

  std::mutex queue_mutex_;  // a leaf
  FrameQueue queue_;
  Carrier const* taker_ = nullptr;  // the carrier that may take from the queue
};

}  // namespace corps::net
