#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "corps/detail/envelope.hpp"
#include "env/net/internal/network.hpp"

namespace corps::net {

struct LinkLimits {
  std::size_t in_flight_bytes_max = std::size_t{64} << 20;  // limits.in_flight_per_link: queued requests; more are Overloaded
  std::size_t message_bytes_max = std::size_t{256} << 20;   // limits.message
};

/// The way to one other Env: the calls that are away over it, and what waits until it is up.
/// Threads: any, where nothing else is said. It lives as long as the Env does.
class Link final : public detail::Origin {
 public:
  Link(EnvId self, EnvId env, LinkLimits limits) : self_(self), env_(env), limits_(limits) {}

  enum class State : std::uint8_t {
    idle,     // no carrier, none wanted
    dialing,  // this side makes one
    awaiting, // the other side makes one
    up,
  };

  EnvId env() const noexcept { return env_; }

  /// Takes a request over. True: the caller must see to it that a carrier is made.
  bool send(std::unique_ptr<detail::Request> request) noexcept;
  /// True if the caller is the one to make a carrier now.
  bool wants_carrier();
  bool send_control(std::span<std::byte const> bytes);
  /// The answer to a request that came over this link. Dropped when the caller's Env is gone.
  void answer(std::unique_ptr<detail::Request> request) noexcept override;

  /// The tie-break of two Envs that dial each other: the lower number's carrier stands.
  bool admits_carrier_of_peer();
  void carrier_up(std::shared_ptr<Connection> connection);
  /// The carrier is gone: open calls end, with how the Env ended once that is known, at the latest when `give_up` is called.
  /// False if it was not the one in use.
  bool carrier_down(Connection& connection, std::string_view reason);
  /// The peer dials already: wait for that.
  void await_peer();
  bool awaits_peer();
  /// No carrier could be made, or the Env has ended: everything open ends with WorkerLost.
  void fail_all(std::string const& why, bool for_good);
  /// Ends the calls of a carrier that is gone, if nobody said yet why it went.
  void give_up(std::string const& why);

  // Frames of the peer; on the I/O thread. Throws DecodeError for bytes no honest peer sends.
  void on_request(std::span<std::byte const> payload);
  void on_answer(std::span<std::byte const> payload);
  void on_error(std::span<std::byte const> payload);

 private:
  using Open = std::unordered_map<std::uint64_t, std::unique_ptr<detail::Request>>;

  struct Pending {  // packed, waiting for the carrier
    detail::ByteBuffer frame;
  };

  std::unique_ptr<detail::Request> take_open(std::uint64_t number);
  void end_lost(Open calls, std::string const& why) const noexcept;
  void answer_with_error(std::uint64_t call, ErrorInfo const& error) noexcept;
  bool reply(FrameKind kind, std::span<std::byte const> bytes) noexcept;

  EnvId self_;
  EnvId env_;
  LinkLimits limits_;
  std::mutex mutex_;
  State state_ = State::idle;
  std::string gone_;  // how the Env ended
  std::shared_ptr<Connection> connection_;
  std::vector<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::uint64_t last_number_ = 0;
  Open open_;
  Open orphans_;  // open when the carrier went, waiting for the word how the Env ended
};

}  // namespace corps::net
