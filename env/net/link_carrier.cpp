// The side of a link that looks at its carriers: which one there is, what the session makes of it, and when it has ended.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/watchers.hpp"
#include "env/net/internal/link.hpp"
#include "env/net/internal/lost.hpp"

namespace corps::net {
namespace {

/// What the messages have on top of limits.message: errors and what stands before the arguments.
constexpr std::size_t message_head_bytes_max = 4096;

FragmentLimits fragment_limits(LinkLimits const& limits) {
  return {.fragment_bytes = limits.fragment_bytes,
          .message_bytes_max = limits.message_bytes_max + message_head_bytes_max,
          .begun_bytes_max = limits.in_flight_bytes_max + limits.message_bytes_max};
}

constexpr int dials_max = 3;  // in a row, before what waits for the first carrier ends
/// Between a dial that failed and the next one: the word that the Env has ended may be on its way.
constexpr auto wait_to_dial_again = std::chrono::milliseconds{20};

}  // namespace

Link::Link(EnvId self, EnvId env, LinkLimits limits, host::Random& random)
    : self_(self),
      env_(env),
      limits_(limits),
      random_(random),
      since_ns_(detail::now_ns()),
      retryable_(limits.in_flight_bytes_max),
      session_(fresh_id(), SessionSettings{.credit_bytes = limits.in_flight_bytes_max, .fragments = fragment_limits(limits)}),
      reassembly_(fragment_limits(limits)) {}

// --- what the carrier takes from ---------------------------------------------------------------------------------

std::size_t Link::offer(Carrier& by, std::span<Piece> pieces) noexcept {
  std::lock_guard const lock{session_mutex_};
  return taker_ == &by ? session_.offer(pieces) : 0;
}

void Link::taken(Carrier& by, std::size_t bytes) noexcept {
  std::lock_guard const lock{session_mutex_};
  if (taker_ != &by) return session_.give_back();
  session_.taken(bytes);
}

// --- making one --------------------------------------------------------------------------------------------------

// With mutex_ held.
void Link::want() {
  state_ = State::wanted;
  since_ns_ = detail::now_ns();
}

bool Link::wants_carrier() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::idle || !gone_.empty()) return false;
  want();
  return true;
}

bool Link::begin_dial() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::wanted) return false;
  state_ = State::dialing;
  return true;
}

std::optional<std::chrono::nanoseconds> Link::dial_failed() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::dialing) return std::nullopt;
  if (!resuming_ && ++failed_dials_ == dials_max) return std::nullopt;
  state_ = State::wanted;
  return resuming_ ? back_off_.next(random_) : wait_to_dial_again;
}

void Link::await_peer() {
  std::lock_guard const lock{mutex_};
  if (state_ == State::dialing) state_ = State::awaiting;
}

bool Link::peer_is_late() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::awaiting) return false;
  state_ = State::wanted;
  return true;
}

bool Link::admits_carrier_of_peer() {
  std::lock_guard const lock{mutex_};
  if (!gone_.empty() || state_ == State::up) return false;
  return state_ != State::dialing || env_ < self_;
}

bool Link::carrier_up(std::shared_ptr<Carrier> carrier, bool dialed) {
  {
    std::lock_guard const lock{mutex_};
    if (state_ == State::up || !gone_.empty()) {
      carrier->close("this Env has another connection to its peer, or wants none");
      return false;
    }
    carrier_ = carrier;
    if (state_ == State::idle) since_ns_ = detail::now_ns();
    state_ = State::up;
    dialed_ = dialed;
    std::lock_guard const session_lock{session_mutex_};
    session_.attach();
    taker_ = carrier.get();
    progress_ = session_.progress();
  }
  carrier->attach(*this);
  carrier->flush();
  return true;
}

// --- its frames --------------------------------------------------------------------------------------------------

Link::Taken Link::take(Carrier& carrier, std::span<Frame const> frames) {
  using Step = Session::Step;
  Taken result;
  std::vector<Ended> ended;
  bool flush = false;
  {
    // Where numbers may change, nobody may send meanwhile.
    bool const greets = frames.front().kind == FrameKind::resume;
    std::unique_lock lock{mutex_, std::defer_lock};
    if (greets) lock.lock();
    std::lock_guard const session_lock{session_mutex_};
    if (taker_ != &carrier) {
      result.frames = frames.size();
      return result;
    }
    for (auto const& frame : frames) {
      if (frame.kind == FrameKind::resume && !greets) break;
      result.step = session_.take(frame);
      if (result.step == Step::hand_up) result.handed_up |= std::uint64_t{1} << result.frames;
      ++result.frames;
      if (greets || (result.step != Step::hand_up && result.step != Step::nothing)) break;
    }
    bool const agreed = result.step == Step::begun || result.step == Step::resumed || result.step == Step::replaced;
    if (agreed) {
      failed_dials_ = 0;
      resuming_ = false;
      since_ns_ = detail::now_ns();
      if (result.step == Step::resumed) {
        result.cut_for = std::chrono::nanoseconds{since_ns_ - cut_ns_};
        restored_ns_ = since_ns_;
        ++restored_;
      }
      if (result.step == Step::replaced) {
        lose_offered(ended);
        retry(ended);
      }
      tells_.clear();
      if (result.step != Step::resumed) {
        std::lock_guard const reassembly_lock{reassembly_mutex_};
        reassembly_.clear();
      }
    }
    if (result.step == Step::cut || result.step == Step::illegal) result.why = session_.why();
    flush = agreed || session_.wants_flush();
    if (!flush && session_.owes_acknowledgement()) result.acknowledge_in_time = !std::exchange(acknowledge_expected_, true);
  }
  if (flush) carrier.flush();
  if (result.step == Step::replaced) {
    end(std::move(ended), "it had given the connection up");
    mail::forget_watchers(*this);
  }
  return result;
}

void Link::acknowledge() {
  std::shared_ptr<Carrier> carrier;
  {
    std::lock_guard const lock{mutex_};
    carrier = carrier_;
    std::lock_guard const session_lock{session_mutex_};
    acknowledge_expected_ = false;
    session_.acknowledge();
  }
  if (carrier != nullptr) carrier->flush();
}

void Link::beat(Carrier& carrier) {
  {
    std::lock_guard const session_lock{session_mutex_};
    if (taker_ != &carrier) return;
    session_.beat();
  }
  carrier.flush();
}

// --- messages in fragments ---------------------------------------------------------------------------------------

std::optional<Reassembly::Whole> Link::reassemble(Frame const& fragment) {
  std::lock_guard const lock{reassembly_mutex_};
  auto whole = reassembly_.take(fragment.payload, fragment.memory);
  reassembling_ = !reassembly_.empty();
  return whole;
}

bool Link::passes_fragments(std::size_t bytes) {
  if (!reassembling_) return true;
  std::lock_guard const lock{reassembly_mutex_};
  return reassembly_.pass(bytes);
}

std::string Link::why_not_whole() {
  std::lock_guard const lock{reassembly_mutex_};
  return reassembly_.why();
}

void Link::close(std::string why) {
  std::shared_ptr<Carrier> carrier;
  {
    std::lock_guard const lock{mutex_};
    carrier = carrier_;
  }
  if (carrier != nullptr) carrier->close(std::move(why));
}

// --- when it is gone ---------------------------------------------------------------------------------------------

Link::Next Link::carrier_down(Carrier& carrier, Ending ending) {
  {
    std::lock_guard const lock{mutex_};
    if (carrier_.get() != &carrier) return Next::nothing;
    carrier_ = nullptr;
    bool alive = false;
    {
      std::lock_guard const session_lock{session_mutex_};
      alive = session_.is_alive();
      if (session_.progress() != progress_) back_off_.reset();
      session_.detach();
      taker_ = nullptr;
    }
    if (ending == Ending::cut && gone_.empty()) {
      if (!alive) {
        state_ = State::dialing;
        return Next::dial_again;
      }
      if (!std::exchange(resuming_, true)) {
        ++cut_;
        cut_ns_ = detail::now_ns();
      }
      state_ = dialed_ ? State::wanted : State::awaiting;
      return dialed_ ? Next::dial : Next::await_peer;
    }
    auto ended = end_session();
    std::ranges::move(ended, std::back_inserter(orphans_));
  }
  drop_lost_streams();
  mail::forget_watchers(*this);
  return Next::give_up;
}

std::chrono::nanoseconds Link::back_off() {
  std::lock_guard const lock{mutex_};
  return back_off_.next(random_);
}

bool Link::resume_is_over(std::uint64_t cut) {
  std::vector<Ended> ended;
  {
    std::lock_guard const lock{mutex_};
    if (!resuming_ || cut_ != cut) return false;
    if (carrier_ != nullptr) carrier_->close("the other Env does not resume");
    carrier_ = nullptr;
    bool was_agreed_on = false;  // else calls that are to be sent again have had their further time
    {
      std::lock_guard const session_lock{session_mutex_};
      was_agreed_on = session_.is_alive();
    }
    ended = end_session(was_agreed_on);
  }
  end(std::move(ended), fmt::format("its connection broke and could not be restored within limits.link_resume ({} ms)",
                                    std::chrono::duration_cast<std::chrono::milliseconds>(limits_.resume_limit).count()));
  mail::forget_watchers(*this);
  return true;
}

// --- what cannot be answered any more ----------------------------------------------------------------------------

// With mutex_ held. What a carrier was never offered was surely not run.
std::vector<Link::Ended> Link::end_session(bool retries) {
  std::vector<Ended> ended;
  std::lock_guard const session_lock{session_mutex_};
  open_.take_if([&](std::uint64_t number, OpenCall& call) {
    if (session_.was_offered(call.frame)) ++call.sent;
    auto const ran = call.sent != 0 ? Ran::maybe : Ran::no;
    ended.push_back({number, std::move(call), ran});
    return true;
  });
  for (auto& tell : tells_)
    if (!session_.was_offered(tell.frame)) ended.push_back({0, std::move(tell), Ran::no});
  tells_.clear();
  session_.clear(fresh_id());
  std::ranges::move(mail::take_streams_of(env_), std::back_inserter(lost_streams_));
  {
    std::lock_guard const reassembly_lock{reassembly_mutex_};
    reassembly_.clear();
  }
  taker_ = nullptr;
  bool const dialing = std::exchange(state_, State::idle) == State::dialing;
  since_ns_ = detail::now_ns();
  resuming_ = false;
  failed_dials_ = 0;
  retry(ended, retries);
  if (open_.empty())
    back_off_.reset();
  else
    resume_retried(dialing);
  return ended;
}

// With both locks held. The others are in the new session, under other numbers.
void Link::lose_offered(std::vector<Ended>& ended) {
  std::ranges::move(mail::take_streams_of(env_), std::back_inserter(lost_streams_));
  open_.take_if([&](std::uint64_t number, OpenCall& call) {
    call.frame = session_.in_new_session(call.frame);
    if (call.frame != 0) return false;
    ++call.sent;
    ended.push_back({number, std::move(call), Ran::maybe});
    return true;
  });
}

void Link::fail_unsent(std::string const& why) {
  std::vector<Ended> ended;
  {
    std::lock_guard const lock{mutex_};
    if (state_ == State::up || resuming_) return;
    ended = end_session(false);
  }
  end(std::move(ended), why);
}

bool Link::env_ended(std::string const& why) {
  std::vector<Ended> ended;
  {
    std::lock_guard const lock{mutex_};
    gone_ = why;
    if (state_ == State::up) return true;
    ended = end_session();
    std::ranges::move(std::exchange(orphans_, {}), std::back_inserter(ended));
  }
  end(std::move(ended), why);
  mail::forget_watchers(*this);
  return false;
}

void Link::give_up(std::string const& why) {
  std::vector<Ended> ended;
  std::string cause = why;
  {
    std::lock_guard const lock{mutex_};
    ended.swap(orphans_);
    if (!gone_.empty()) {
      cause = gone_;
      if (carrier_ != nullptr) carrier_->close(gone_);  // somebody else holds its other end
      carrier_ = nullptr;
      std::ranges::move(end_session(), std::back_inserter(ended));
    }
  }
  end(std::move(ended), cause);
}

void Link::drop_lost_streams() noexcept {
  mail::Channels lost;
  {
    std::lock_guard const lock{mutex_};
    lost.swap(lost_streams_);
  }
  mail::drop_streams(std::move(lost));
}

void Link::end(std::vector<Ended> requests, std::string const& why) noexcept {
  drop_lost_streams();
  for (auto& [number, call, ran] : requests) {
    auto error = lost_error(env_, why, ran);
    if (call.sent > 1) error.text += fmt::format("; the call was sent {} times", call.sent);
    call.request.release()->bounce(std::move(error));
  }
}

}  // namespace corps::net
