#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/carrier.hpp"
#include "env/net/internal/fragments.hpp"
#include "env/net/internal/frame.hpp"
#include "env/net/internal/frame_queue.hpp"
#include "env/net/internal/link_seen.hpp"

namespace corps::net {

struct SessionSettings {
  std::size_t credit_bytes = std::size_t{64} << 20;  // what the peer may have sent without an acknowledgement of ours
  std::uint32_t acknowledge_after_frames = 64;
  std::size_t acknowledge_after_bytes = std::size_t{256} << 10;
  std::uint32_t acknowledge_along_after_frames = 16;  // where something is sent anyway
  FragmentLimits fragments = {};
};

/// What two Envs say to each other, beyond the life of a carrier: frames are numbered in both directions and kept until the peer
/// has acknowledged them. A new carrier begins with what each side has received, and goes on from there: nothing is lost, nothing
/// arrives twice or out of order. See "Sessions" in docs/internals/wire.md.
///
/// Knows no sockets, no time and no threads: frames in, frames out.
/// Threads: one at a time, but what was offered may be read meanwhile.
class Session {
 public:
  /// What a received frame meant.
  enum class Step : std::uint8_t {
    hand_up,   // the next of the peer's frames
    nothing,   // for the session itself, or one that was handed up before
    begun,     // the session has just begun
    resumed,   // it goes on over the new carrier
    replaced,  // the peer has not kept it: a new one has begun. What was offered in the old one is lost, see lost()
    cut,       // frames are missing: close the carrier, and go on over another
    illegal,   // what no Env sends: close, and end the session
  };

  /// `id` is random and not 0: it tells this session from one before it, which was cleared.
  explicit Session(std::uint64_t id, SessionSettings settings = {}) : settings_(settings), id_(id), large_(settings.fragments) {}

  // Sending.

  /// Sends a message, whose frame begins with room for its header, and keeps it until it is acknowledged. A small one is copied,
  /// and the buffer stays with the caller; a large one is taken over. One that is larger than a fragment waits for its turns, and
  /// with it what comes after it between the same two Workers; others overtake. `given`: of one that is larger than a fragment,
  /// what was not copied into the frame. Returns what it is known by.
  std::uint64_t push(FrameKind kind, detail::ByteBuffer& frame, WorkerPair const& pair = {}, detail::AllGiven given = {});
  /// Of the frames that are kept.
  std::size_t kept_bytes() const noexcept { return frames_.bytes() + large_.bytes(); }
  /// What a further message of this size is let in by: large ones that wait for their turns do not stand in the way of others.
  std::size_t kept_bytes_for(std::size_t frame_size) const noexcept {
    return large_.is_large(frame_size) ? kept_bytes() : frames_.bytes() + large_.small_bytes();
  }
  /// What the peer lets us keep without its acknowledgement; unlimited until it has said.
  std::size_t peer_credit_bytes() const noexcept { return peer_credit_; }
  /// Whether a carrier was given some of it, or of one that waited for its turns, all: the peer may have got it.
  bool was_offered(std::uint64_t id) const noexcept {
    return (id & ticket_bit) != 0 ? !large_.holds(id & ~ticket_bit) : id <= offered_;
  }
  /// Both sides have agreed on a session, which has not ended.
  bool is_alive() const noexcept { return peer_id_ != 0; }
  /// The carrier is there and the two have agreed where to go on.
  bool is_open() const noexcept { return state_ == State::open; }

  // The carrier.

  /// A carrier is there.
  void attach() noexcept;
  /// It is gone. What it was offered and has not given back comes by give_back().
  void detach() noexcept;
  /// As Outbox says; for the carrier that is attached.
  std::size_t offer(std::span<Piece> pieces) noexcept;
  void taken(std::size_t bytes) noexcept;
  /// What was offered to a carrier that was detached meanwhile.
  void give_back() noexcept;

  // Receiving.

  /// A frame of the peer, of any kind but goodbye.
  Step take(Frame const& frame);
  /// After `cut` and `illegal`: why.
  std::string const& why() const noexcept { return why_; }
  /// After `replaced`: what a message of the old session is known by in the new one; 0 if it is lost. `was_offered`: as it was.
  std::uint64_t in_new_session(std::uint64_t id) const noexcept {
    if ((id & ticket_bit) != 0) return large_.holds(id & ~ticket_bit) ? id : 0;
    return id <= lost_ ? 0 : id - lost_;
  }
  /// There is something to send that the peer waits for: flush the carrier.
  bool wants_flush() const noexcept { return acknowledge_wanted_; }
  /// Frames were received that are not acknowledged: call acknowledge() in a short time.
  bool owes_acknowledgement() const noexcept { return received_ != acknowledged_; }
  /// Acknowledges with the next offer.
  void acknowledge() noexcept { acknowledge_wanted_ = owes_acknowledgement(); }
  /// Acknowledges with the next offer, even if there is nothing to acknowledge: a sign of life.
  void beat() noexcept { acknowledge_wanted_ = state_ == State::open; }
  /// Counts up with whatever the peer gets or sends: the carrier is worth something.
  std::uint64_t progress() const noexcept { return received_ + acked_; }

  /// What carriers have taken and brought since this was made, of all kinds and also what was sent again.
  Traffic sent() const noexcept { return sent_; }
  Traffic received() const noexcept { return came_; }
  /// Payloads that were received and are not acknowledged.
  std::size_t unacknowledged_bytes() const noexcept { return unacknowledged_bytes_; }

  /// Ends the session: nothing is kept, numbers begin anew, under another id.
  void clear(std::uint64_t id) noexcept;

 private:
  enum class State : std::uint8_t { down, greeting, open };
  static constexpr std::uint64_t ticket_bit = std::uint64_t{1} << 63;  // of one that waits, or has, for its turns

  std::uint64_t number(FrameKind kind, detail::ByteBuffer& frame, MessagePart part = {});
  void take_turn();
  void put_own_frame();
  void release_acked() noexcept;
  void forget_numbers() noexcept;
  Step take_resume(std::span<std::byte const> payload);
  Step take_acknowledgement(std::span<std::byte const> payload);
  Step take_numbered(Frame const& frame);
  Step refuse(Step how, std::string why);

  SessionSettings settings_;
  State state_ = State::down;
  bool greeted_ = false;  // our `resume` is on its way
  bool acknowledge_wanted_ = false;
  std::uint64_t id_;
  std::uint64_t peer_id_ = 0;  // 0: none agreed on yet
  std::uint64_t lost_ = 0;
  std::string why_;

  // Sending.
  FrameQueue frames_;  // from number acked_ + 1 on
  LargeMessages large_;
  std::size_t since_turn_ = 0;  // bytes of other frames, since one of these had its turn
  FrameQueue own_;              // of the session itself: they have no number. At most one
  std::uint64_t acked_ = 0;
  std::uint64_t peer_received_ = 0;   // as the peer says; acked_ follows when a carrier has given back what it reads
  std::uint64_t offered_ = 0;         // the highest number of which the peer may have got a byte
  std::uint64_t offered_before_ = 0;  // the offer under way
  std::size_t peer_credit_ = SIZE_MAX;
  std::size_t offered_rest_ = 0;  // of the offer under way: what was left of a frame, which comes first,
  std::size_t offered_own_ = 0;   // and the bytes of own frames, which come next

  // Receiving.
  std::uint64_t received_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::size_t unacknowledged_bytes_ = 0;

  Traffic sent_;
  Traffic came_;
};

}  // namespace corps::net
