#include "env/net/internal/session.hpp"

#include <algorithm>
#include <utility>

#include "env/net/internal/frame_draft.hpp"

namespace corps::net {
namespace {

constexpr char const* no_resume = "the frame with which the peer begins is missing";

}  // namespace

std::uint64_t Session::push(FrameKind kind, detail::ByteBuffer& frame, WorkerPair const& pair, detail::AllGiven given) {
  if (large_.takes(pair, frame.size() + detail::bytes_given(given)))
    return large_.add(pair, kind, frame, std::move(given)) | ticket_bit;
  auto const size = frame.size();
  auto const id = number(kind, frame);
  // However many others there are, those that take turns have theirs.
  if (!large_.empty() && (since_turn_ += size) >= settings_.fragments.fragment_bytes) take_turn();
  return id;
}

std::uint64_t Session::number(FrameKind kind, detail::ByteBuffer& frame, MessagePart part) {
  auto const number = acked_ + frames_.count() + 1;
  frames_.push(kind, static_cast<std::uint16_t>(number), frame, std::move(part));
  return number;
}

void Session::take_turn() {
  auto next = large_.next();
  number(next.kind, next.frame, std::move(next.part));
  since_turn_ = 0;
}

void Session::attach() noexcept {
  state_ = State::greeting;
  greeted_ = false;
  acknowledge_wanted_ = false;
}

void Session::detach() noexcept {
  state_ = State::down;
  own_.clear();
  offered_rest_ = offered_own_ = 0;
}

// --- what the carrier takes ----------------------------------------------------------------------------------------

void Session::put_own_frame() {
  FrameDraft draft;
  auto& frame = draft.bytes();
  if (state_ == State::greeting && !greeted_) {
    greeted_ = true;
    auto* const payload = frame.extend(resume_bytes);
    put_number(payload, id_);
    put_number(payload + 8, peer_id_);
    put_number(payload + 16, received_);
    put_number(payload + 24, static_cast<std::uint64_t>(settings_.credit_bytes));
    own_.push(FrameKind::resume, 0, frame);
  } else if (state_ == State::open &&
             (acknowledge_wanted_ ||
              (received_ - acknowledged_ >= settings_.acknowledge_along_after_frames && frames_.count() > frames_.sent()))) {
    auto* const payload = frame.extend(acknowledge_bytes);
    put_number(payload, received_);
    put_number(payload + 8, static_cast<std::uint64_t>(settings_.credit_bytes));
    own_.push(FrameKind::acknowledge, 0, frame);
  } else {
    return;
  }
  acknowledge_wanted_ = false;
  acknowledged_ = received_;
  unacknowledged_bytes_ = 0;
}

std::size_t Session::offer(std::span<Piece> pieces) noexcept {
  if (state_ == State::down) return 0;
  // Only as much as the carrier may take at once: what others send meanwhile comes before the next turn.
  while (state_ == State::open && !large_.empty() && frames_.unsent_bytes() < settings_.fragments.fragment_bytes) take_turn();
  if (own_.count() == 0) put_own_frame();
  std::size_t count = 0;
  std::size_t frames = 0;
  bool const open = state_ == State::open;
  if (open && frames_.in_frame() && own_.count() != 0) {
    count = frames_.offer_begun(pieces);  // a frame that was begun is ended first
    for (auto const piece : pieces.first(count)) offered_rest_ += piece.size();
    frames = 1;
  }
  std::size_t own = 0;
  if (own_.count() != 0) {
    own_.offer(pieces.subspan(count), own);
    offered_own_ = pieces[count++].size();
  }
  if (open && offered_rest_ == 0) count += frames_.offer(pieces.subspan(count), frames);
  if (count == 0) return 0;
  offered_before_ = offered_;
  if (frames != 0) offered_ = std::max(offered_, acked_ + frames_.sent() + frames);
  own_.hold();
  frames_.hold();
  return count;
}

void Session::taken(std::size_t bytes) noexcept {
  sent_.bytes += bytes;
  auto const sent_before = frames_.sent();
  auto const rest = std::min(bytes, std::exchange(offered_rest_, 0));
  frames_.taken(rest);
  bytes -= rest;
  auto const own = std::min(bytes, std::exchange(offered_own_, 0));
  own_.taken(own);
  frames_.taken(bytes - own);
  sent_.frames += own_.sent() + frames_.sent() - sent_before;
  give_back();
  own_.release_sent();
  release_acked();
  // What was offered and not taken, the peer cannot have got.
  offered_ = std::max(offered_before_, acked_ + frames_.sent() + (frames_.in_frame() ? 1 : 0));
}

void Session::give_back() noexcept {
  own_.give_back();
  frames_.give_back();
}

// A carrier that has not yet said how much it has taken may be overtaken by the acknowledgement of it.
void Session::release_acked() noexcept {
  auto const count = std::min<std::uint64_t>(peer_received_ - acked_, frames_.sent());
  frames_.release(static_cast<std::size_t>(count));
  acked_ += count;
}

// --- what the peer sends -------------------------------------------------------------------------------------------

Session::Step Session::take(Frame const& frame) {
  if (state_ == State::down) return Step::nothing;
  ++came_.frames;
  came_.bytes += header_bytes + frame.payload.size();
  switch (frame.kind) {
    case FrameKind::resume: return take_resume(frame.payload);
    case FrameKind::acknowledge: return take_acknowledgement(frame.payload);
    default: return take_numbered(frame);
  }
}

Session::Step Session::take_resume(std::span<std::byte const> payload) {
  if (state_ != State::greeting) return refuse(Step::illegal, "it resumes a session in the middle of it");
  if (payload.size() != resume_bytes) return refuse(Step::illegal, "resume of the wrong form");
  auto const peer_id = get_number<std::uint64_t>(payload.data());
  auto const known_id = get_number<std::uint64_t>(payload.data() + 8);
  // What it has received of another session than this one is nothing of this one.
  auto const received = known_id == id_ ? get_number<std::uint64_t>(payload.data() + 16) : 0;
  if (peer_id == 0) return refuse(Step::illegal, "resume with an id of 0");
  bool const resumed = peer_id == peer_id_;
  if (resumed && (received < peer_received_ || received > offered_)) {
    return refuse(Step::illegal, "it says that it has received " + std::to_string(received) + " frames, of which " +
                                     std::to_string(offered_) + " were sent and " + std::to_string(peer_received_) +
                                     " acknowledged");
  }
  peer_credit_ = static_cast<std::size_t>(get_number<std::uint64_t>(payload.data() + 24));
  state_ = State::open;
  frames_.rewind();
  if (resumed) {
    frames_.release(static_cast<std::size_t>(received - acked_));
    acked_ = peer_received_ = received;
    return Step::resumed;
  }
  bool const replaced = std::exchange(peer_id_, peer_id) != 0;
  lost_ = offered_;
  frames_.release(static_cast<std::size_t>(offered_ - acked_));
  frames_.number_from(1);
  if (replaced) {
    large_.drop_begun();
    frames_.void_fragments();
  }
  forget_numbers();
  return replaced ? Step::replaced : Step::begun;
}

void Session::forget_numbers() noexcept {
  acked_ = peer_received_ = offered_ = offered_before_ = received_ = acknowledged_ = 0;
  unacknowledged_bytes_ = 0;
}

Session::Step Session::take_acknowledgement(std::span<std::byte const> payload) {
  if (state_ != State::open) return refuse(Step::cut, no_resume);
  if (payload.size() != acknowledge_bytes) return refuse(Step::illegal, "acknowledgement of the wrong form");
  auto const received = get_number<std::uint64_t>(payload.data());
  if (received > offered_) {
    return refuse(Step::illegal,
                  "it acknowledges frame " + std::to_string(received) + ", and " + std::to_string(offered_) + " were sent");
  }
  if (received <= peer_received_) return Step::nothing;  // an older one
  peer_received_ = received;
  peer_credit_ = static_cast<std::size_t>(get_number<std::uint64_t>(payload.data() + 8));
  release_acked();
  return Step::nothing;
}

Session::Step Session::take_numbered(Frame const& frame) {
  if (state_ != State::open) return refuse(Step::cut, no_resume);
  auto const ahead = static_cast<std::int16_t>(static_cast<std::uint16_t>(frame.number - (received_ + 1)));
  if (ahead < 0) return Step::nothing;
  if (ahead > 0) {
    return refuse(Step::cut, std::to_string(ahead) + " frames after number " + std::to_string(received_) + " are missing");
  }
  ++received_;
  unacknowledged_bytes_ += frame.payload.size();
  if (received_ - acknowledged_ >= settings_.acknowledge_after_frames ||
      unacknowledged_bytes_ >= std::min(settings_.acknowledge_after_bytes, settings_.credit_bytes / 4)) {
    acknowledge_wanted_ = true;
  }
  return Step::hand_up;
}

Session::Step Session::refuse(Step how, std::string why) {
  why_ = std::move(why);
  return how;
}

void Session::clear(std::uint64_t id) noexcept {
  detach();
  frames_.clear();
  large_.clear();
  forget_numbers();
  id_ = id;
  peer_id_ = 0;
  peer_credit_ = SIZE_MAX;
}

}  // namespace corps::net
