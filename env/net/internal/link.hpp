#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "corps/detail/envelope.hpp"
#include "env/host/internal/random.hpp"
#include "env/mail/internal/far_stream.hpp"
#include "env/net/internal/back_off.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/link_seen.hpp"
#include "env/net/internal/open_calls.hpp"
#include "env/net/internal/received.hpp"
#include "env/net/internal/retryable.hpp"
#include "env/net/internal/served_calls.hpp"
#include "env/net/internal/session.hpp"

namespace corps::net {

struct LinkLimits {
  std::size_t in_flight_bytes_max = std::size_t{64} << 20;  // limits.in_flight_per_link; past it requests are Overloaded
  std::size_t message_bytes_max = std::size_t{256} << 20;   // limits.message
  std::size_t fragment_bytes = std::size_t{256} << 10;      // limits.frame; a larger message is sent in fragments
  /// Bytes of all kinds that are kept. Replies are never refused for want of room, since open calls bound them; so there is room
  /// for them on top of the requests that are let in, and whoever goes past it is not spoken to any more.
  std::size_t kept_bytes_max = 2 * ((std::size_t{64} << 20) + (std::size_t{256} << 20));
  std::chrono::nanoseconds resume_limit = std::chrono::seconds{10};  // limits.link_resume
  std::uint32_t retries_max = 3;  // limits.retries: how often a call of an idempotent method is sent again
};

inline WorkerPair pair_of_call(detail::Request const& request) noexcept {
  return {static_cast<std::uint64_t>(request.caller_id), static_cast<std::uint64_t>(request.target)};
}

/// Of a packed request that goes into another session: the time that remains until its deadline, and whether it was sent before.
void renew_request(detail::ByteBuffer& frame, detail::Request const& request, bool is_retried) noexcept;

/// The way to one other Env: the calls that are away over it, and the session that carries them from one carrier to the next.
/// Threads: any, where nothing else is said. It lives as long as the Env does.
class Link final : public detail::Origin, private Outbox {
 public:
  Link(EnvId self, EnvId env, LinkLimits limits, host::Random& random = host::Random::system());

  EnvId env() const noexcept { return env_; }
  LinkSeen seen();

  /// Takes a request over. True: the caller must see to it that a carrier is made.
  bool send(std::unique_ptr<detail::Request> request) noexcept;
  bool send_control(std::span<std::byte const> bytes);
  /// The caller has given a call up, of which the number is in its origin_call. Does nothing once it is answered.
  void cancel(std::uint64_t number) noexcept;
  /// Sends the body of a probe, behind the call of this number; false if it cannot be, now. See mail::ProbeWay.
  bool send_probe(std::uint64_t number, std::span<std::byte const> body) noexcept;
  /// The answer to a request that came over this link. Dropped when the caller's Env is gone.
  void answer(std::unique_ptr<detail::Request> request) noexcept override;

  // The carrier; on the I/O thread, but for wants_carrier. Two Envs may dial each other at the same moment; the carrier of the
  // lower number stands. A link that is dialing or up refuses the peer's carrier, unless the peer wins.

  /// True if nobody makes a carrier yet: the caller must see to it. Any thread.
  bool wants_carrier();
  /// True: dial now. False: meanwhile the peer has made one, or it is not wanted any more.
  bool begin_dial();
  /// A dial has failed. A time: once more, after it.
  std::optional<std::chrono::nanoseconds> dial_failed();
  /// The peer says that it makes a carrier already: wait for that.
  void await_peer();
  /// The time to wait for the peer's carrier is over. True: dial again.
  bool peer_is_late();
  bool admits_carrier_of_peer();
  /// False: there is one already, or none is wanted, and this one is closed.
  bool carrier_up(std::shared_ptr<Carrier> carrier, bool dialed);

  /// What is to be done when a carrier has gone.
  enum class Next : std::uint8_t {
    nothing,     // it was not the one in use
    dial,        // the session goes on: dial, after back_off()
    await_peer,  // the session goes on: the peer dials
    dial_again,  // it went before the two had agreed on a session: as a dial that failed
    give_up      // the session has ended: call give_up() when the word how the Env ended has had its time
  };
  Next carrier_down(Carrier& carrier, Ending ending);
  std::chrono::nanoseconds back_off();
  /// The cut that carrier_down told last, for resume_is_over().
  std::uint64_t cut() const noexcept { return cut_; }
  /// limits.link_resume after a cut. True: it had not been resumed, and has ended.
  bool resume_is_over(std::uint64_t cut);

  /// What frames mean to the session. It looks at one after the other, up to one after which more is to be done.
  struct Taken {
    std::size_t frames = 0;       // that it has looked at
    std::uint64_t handed_up = 0;  // a bit each: these are for on_requests, on_answers, on_error, or whoever reads orders
    Session::Step step = Session::Step::nothing;  // what the last of them meant, if it is not handed up
    std::string why;                              // after `cut` and `illegal`
    bool acknowledge_in_time = false;             // call acknowledge() in a short time
    std::chrono::nanoseconds cut_for{0};          // after `resumed`
  };
  /// At most frames_at_once_max.
  Taken take(Carrier& carrier, std::span<Frame const> frames);
  void acknowledge();
  /// Gives the peer a sign of life over this carrier, if it is the one in use.
  void beat(Carrier& carrier);

  /// How many calls of sessions that have ended were put into the next one, since this was asked last. Where that has no carrier,
  /// the caller must see to it that one is made, and to resume_is_over(): else they wait for ever.
  std::size_t take_retried() noexcept;
  /// No carrier can be made: what waits for one ends; it was not run.
  void fail_unsent(std::string const& why);
  /// The Env has ended: every call ends, and later ones at once. True: what it sent before is still being read, and the caller
  /// must call `give_up` in a while.
  bool env_ended(std::string const& why);
  /// Ends the calls of a session that has ended, and of an Env that has.
  void give_up(std::string const& why);

  // Frames of the peer, in order; on the I/O thread. What cannot be unpacked throws DecodeError.
  /// The message that a fragment ends, or nothing; then why_not_whole() says whether the peer may send this.
  std::optional<Reassembly::Whole> reassemble(Frame const& fragment);
  /// A frame that is none. False: a message is not gone on with; why_not_whole().
  bool passes_fragments(std::size_t bytes);
  std::string why_not_whole();
  /// Between which two Workers a request, an answer or an error is.
  WorkerPair pair_of(FrameKind kind, Payload const& payload);
  /// Ends a request that there is no room for until it is unpacked.
  void refuse_request(Payload const& payload);

  // The rest also on the thread that unpacks: what is between the same two Workers on one thread at a time.

  /// At most frames_at_once_max, as on_request and on_answer for each.
  void on_requests(std::span<Frame const> frames);
  void on_answers(std::span<Frame const> frames);
  void on_request(Payload const& payload);
  void on_answer(Payload const& payload);
  void on_error(Payload const& payload);
  void on_cancel(Payload const& payload);
  /// On the I/O thread.
  void on_probe(Payload const& payload);
  /// What the peer sent is no message: its carrier is closed.
  void close(std::string why);

 private:
  enum class State : std::uint8_t {
    idle,
    wanted,  // somebody has been told to make a carrier
    dialing,
    awaiting,  // the other side makes one
    up,
  };
  struct Ended {
    std::uint64_t number;  // 0: a tell
    OpenCall call;
    Ran ran;
  };

  OpenCall take_open(std::uint64_t number, bool ran) noexcept;
  bool may_retry(detail::Request const& request) const noexcept;
  void call_ended(std::uint64_t number, detail::Request const& request, bool ran) noexcept;
  std::unique_ptr<detail::Request> make_request(Payload const& payload);
  void begin_request(std::unique_ptr<detail::Request> request) noexcept;
  void end_call(Unpacker& in, std::unique_ptr<detail::Request> request) noexcept;
  void want();
  std::vector<Ended> end_session(bool retries = true);
  void lose_offered(std::vector<Ended>& ended);
  void retry(std::vector<Ended>& ended, bool in_next_session = true);
  void put_again(std::vector<Ended>& ended);
  void resume_retried(bool dialing);
  void end(std::vector<Ended> requests, std::string const& why) noexcept;
  void drop_lost_streams() noexcept;
  void answer_with_error(std::uint64_t call, WorkerPair const& pair, ErrorInfo error, bool is_unknown_method = false) noexcept;
  bool reply(FrameKind kind, detail::ByteBuffer& frame, WorkerPair const& pair, detail::AllGiven given = {}) noexcept;
  std::uint64_t fresh_id() { return host::random_u64(random_) | 1; }

  std::size_t offer(Carrier& by, std::span<Piece> pieces) noexcept override;
  void taken(Carrier& by, std::size_t bytes) noexcept override;

  EnvId self_;
  EnvId env_;
  LinkLimits limits_;
  host::Random& random_;
  std::atomic<std::uint64_t> last_number_{0};

  std::mutex mutex_;
  State state_ = State::idle;
  bool dialed_ = false;    // the carrier in use, or the last one
  bool resuming_ = false;  // the session has no carrier, or one that is not agreed on
  int failed_dials_ = 0;   // in a row, of a link without a session
  BackOff back_off_;
  std::uint64_t cut_ = 0;
  std::int64_t cut_ns_ = 0;     // when that was
  std::uint64_t restored_ = 0;  // times
  std::int64_t restored_ns_ = 0;
  std::int64_t since_ns_;       // it is idle, dialled for, or has a session
  std::uint64_t progress_ = 0;  // of the session, when its carrier came up
  std::string gone_;            // how the Env ended
  std::shared_ptr<Carrier> carrier_;
  OpenCalls open_;
  Retryable retryable_;
  std::size_t retried_ = 0;      // since take_retried()
  std::vector<OpenCall> tells_;  // that no carrier was there to take
  mail::Channels lost_streams_;  // that went out in a session that has ended
  std::vector<Ended> orphans_;   // of a session that has ended; they wait for the word how the Env ended

  std::mutex session_mutex_;  // a leaf
  Session session_;
  Carrier const* taker_ = nullptr;     // the carrier that the session knows
  bool acknowledge_expected_ = false;  // acknowledge() will be called

  ServedCalls served_;

  std::mutex reassembly_mutex_;  // a leaf
  Reassembly reassembly_;
  bool reassembling_ = false;  // on the I/O thread: it may hold something
};

}  // namespace corps::net
