#include "env/net/internal/links.hpp"

#include <fmt/format.h>

#include <utility>

#include "corps/detail/ext_envs.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/error.hpp"
#include "env/host/internal/log.hpp"

namespace corps::net {
namespace {

/// How long calls of a lost carrier wait for the word how the other Env ended, which only its parent has.
constexpr auto wait_for_cause = std::chrono::milliseconds{50};
/// How long this side waits for a carrier that the peer said it is making, or believes to have.
constexpr auto wait_for_peer = std::chrono::milliseconds{100};
/// How long frames of the peer may be unacknowledged, where nothing else is sent.
constexpr auto acknowledge_within = std::chrono::milliseconds{20};

/// All Envs may want links to all others at the same moment: some at a time, each in time, rather than all, each too late.
constexpr int dials_at_once_max = 8;

/// Of a message that came in fragments: larger ones do not hold up the I/O thread.
constexpr std::size_t unpacked_at_once_bytes_max = std::size_t{2} << 20;

constexpr char const* stopping = "this Env is stopping";

/// Shorter ones are daily life where connections break at all.
constexpr auto cut_worth_telling = std::chrono::seconds{1};

auto in_ms(std::chrono::nanoseconds time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); }

ErrorInfo no_way(EnvId env) {
  if (detail::ext_corps(env) != nullptr) return detail::no_link_to_corps(env);
  return {Errc::worker_lost, Ran::no, fmt::format("there is no env {} in this Corps", env), {}, {}};
}

void take_message(Link& way, FrameKind kind, Payload const& payload) {
  switch (kind) {
    case FrameKind::request: return way.on_request(payload);
    case FrameKind::answer: return way.on_answer(payload);
    case FrameKind::error: return way.on_error(payload);
    case FrameKind::cancel: return way.on_cancel(payload);
    default: throw DecodeError("a frame of a kind that has no meaning here");
  }
}

void log_restored(Peer const& peer, std::chrono::nanoseconds cut_for) {
  host::log(cut_for < cut_worth_telling ? host::Level::debug : host::Level::info,
            fmt::format("the connection with {} is restored after {} ms", to_string(peer), in_ms(cut_for)));
}

void log_not_restored(Peer const& peer, std::chrono::nanoseconds limit) {
  host::log(host::Level::error,
            fmt::format("the connection with {} broke and could not be restored within limits.link_resume ({} ms)",
                        to_string(peer), in_ms(limit)));
}

void log_retried(Peer const& peer, std::size_t calls) {
  if (calls == 0) return;
  host::log(host::Level::info, fmt::format("{} calls of idempotent methods, which may have been lost, are sent to {} again",
                                           calls, to_string(peer)));
}

/// In a handler.
std::string why_not_taken() {
  try {
    throw;
  } catch (Error const& error) {
    return fmt::format("bytes that no Env sends: {}", error.text());
  } catch (std::exception const& error) {
    return fmt::format("a frame could not be taken: {}", error.what());
  } catch (...) {
    return "a frame could not be taken";
  }
}

}  // namespace

Links::Links(EnvId self, Directory& directory, LinkLimits limits)
    : self_(self),
      directory_(directory),
      limits_(limits),
      unpacking_(limits.in_flight_bytes_max + limits.message_bytes_max, [this](Unpacking::Job& job) { unpack(job); }) {}
Links::~Links() = default;

Link* Links::find(EnvId env) {
  if (env < near_max)
    if (auto* const way = near_[env].load(std::memory_order_acquire)) return way;
  std::lock_guard const lock{mutex_};
  auto const found = links_.find(env);
  return found == links_.end() ? nullptr : found->second.get();
}

/// Null for an Env that nobody knows: numbers from outside make no links.
Link* Links::find_or_make(EnvId env) {
  if (auto* const way = find(env)) return way;
  Directory::Entry entry;
  if (env == self_ || !directory_.look_up(env, entry)) return nullptr;
  std::lock_guard const lock{mutex_};
  auto& way = links_[env];
  if (way == nullptr) {
    way = std::make_unique<Link>(self_, env, limits_);
    if (!entry.gone.empty()) way->env_ended(entry.gone);
    if (stopped_) way->env_ended(stopping);
    if (env < near_max) near_[env].store(way.get(), std::memory_order_release);
  }
  return way.get();
}

void Links::send(std::unique_ptr<detail::Request> request, EnvId env) noexcept {
  auto* const way = find_or_make(env);
  if (way == nullptr) return request.release()->bounce(no_way(env));
  if (way->send(std::move(request))) want_carrier(*way);
}

void Links::cancel(EnvId env, std::uint64_t number) noexcept {
  if (auto* const way = find(env)) way->cancel(number);
}

bool Links::send_probe(EnvId env, std::uint64_t number, std::span<std::byte const> body) noexcept {
  auto* const way = find(env);
  return way != nullptr && way->send_probe(number, body);
}

bool Links::send_control(EnvId env, std::span<std::byte const> bytes) {
  auto* const way = find(env);
  return way != nullptr && way->send_control(bytes);
}

void Links::connect(EnvId env) {
  auto* const way = find_or_make(env);
  if (way != nullptr && way->wants_carrier()) want_carrier(*way);
}

void Links::env_ended(EnvId env, std::string const& how) {
  auto* const way = find_or_make(env);
  if (way != nullptr && way->env_ended(how)) give_up_after(wait_for_cause, *way, how);
}

void Links::stop() {
  unpacking_.stop();
  std::lock_guard const lock{mutex_};
  stopped_ = true;
  for (auto& [env, way] : links_) {
    way->env_ended(stopping);
    way->give_up(stopping);
  }
}

// --- carriers ----------------------------------------------------------------------------------------------------

void Links::want_carrier(Link& way) {
  network_->post([this, &way] { queue_dial(way); });
}

/// From here to the end on the I/O thread, where carriers of peers come up as well: no dial begins that is not needed any more.
void Links::queue_dial(Link& way) {
  dial_queue_.push_back(&way);
  begin_dials();
}

void Links::begin_dials() {
  while (dials_ < dials_at_once_max && !dial_queue_.empty()) {
    auto& way = *dial_queue_.front();
    dial_queue_.pop_front();
    Directory::Entry entry;
    if (!way.begin_dial() || !directory_.look_up(way.env(), entry)) continue;
    ++dials_;
    network_->dial(entry.peer, std::move(entry.endpoints));
  }
}

void Links::give_up_after(std::chrono::nanoseconds delay, Link& way, std::string why) {
  network_->after(delay, [&way, why = std::move(why)] { way.give_up(why); });
}

bool Links::admit(Peer const& peer) {
  Directory::Entry entry;
  if (!directory_.look_up(peer.env, entry) || entry.peer != peer) return false;
  auto* const way = find_or_make(peer.env);
  return way != nullptr && way->admits_carrier_of_peer();
}

void Links::on_open(std::shared_ptr<Carrier> carrier, bool dialed) {
  auto* const way = find_or_make(carrier->peer().env);
  carrier->set_user_data(reinterpret_cast<std::uintptr_t>(way));
  way->carrier_up(std::move(carrier), dialed);
  if (!dialed) return;
  --dials_;
  begin_dials();
}

void Links::on_frames(Carrier& carrier, std::span<Frame const> frames) {
  auto& way = *reinterpret_cast<Link*>(carrier.user_data());
  while (!frames.empty()) {
    auto taken = way.take(carrier, frames);
    if (taken.acknowledge_in_time) network_->after(acknowledge_within, [&way] { way.acknowledge(); });
    if (taken.handed_up != 0 && !hand_up(carrier, way, frames, taken.handed_up)) return;
    frames = frames.subspan(taken.frames);
    switch (taken.step) {
      case Session::Step::hand_up:
      case Session::Step::nothing: break;
      case Session::Step::resumed: log_restored(carrier.peer(), taken.cut_for); break;
      case Session::Step::replaced:
        log_retried(carrier.peer(), way.take_retried());
        directory_.on_link(carrier.peer(), false);
        [[fallthrough]];
      case Session::Step::begun: directory_.on_link(carrier.peer(), true); break;
      case Session::Step::cut: return carrier.close(std::move(taken.why), Ending::cut);
      case Session::Step::illegal: return close_for(carrier, std::move(taken.why));
    }
  }
}

/// Those of which the bit is set. False: one is no message, and the carrier is closed.
bool Links::hand_up(Carrier& carrier, Link& way, std::span<Frame const> frames, std::uint64_t which) {
  std::string why;
  try {
    for (std::size_t at = 0; which >> at != 0;) {
      if ((which >> at & 1) == 0) {
        ++at;
        continue;
      }
      auto const kind = frames[at].kind;
      auto end = at + 1;
      if ((kind == FrameKind::request || kind == FrameKind::answer) && unpacking_.idle())
        while ((which >> end & 1) != 0 && frames[end].kind == kind) ++end;
      if (why = on_alike(carrier, way, frames.subspan(at, end - at)); !why.empty()) break;
      at = end;
    }
    if (why.empty()) return true;
  } catch (...) {
    why = why_not_taken();
  }
  close_for(carrier, std::move(why));
  return false;
}

/// Several only of what can be taken at once. Returns what is wrong, if anything is.
std::string Links::on_alike(Carrier& carrier, Link& way, std::span<Frame const> frames) {
  auto const& first = frames.front();
  if (first.kind == FrameKind::fragment) return on_fragment(carrier, way, first);
  for (auto const& frame : frames)
    if (!way.passes_fragments(frame.payload.size())) return way.why_not_whole();
  if (frames.size() == 1)
    on_whole(carrier, way, first.kind, first.payload);
  else if (first.kind == FrameKind::request)
    way.on_requests(frames);
  else
    way.on_answers(frames);
  return {};
}

void Links::on_whole(Carrier& carrier, Link& way, FrameKind kind, Payload const& payload) {
  if (kind == FrameKind::control) {
    detail::ByteBuffer memory;
    return directory_.on_control(carrier.peer(), in_one_piece(payload, memory));
  }
  if (kind == FrameKind::probe) return way.on_probe(payload);
  if (!unpacking_.idle()) {
    bool const is_cancel = kind == FrameKind::cancel;  // behind all: it says nothing of whose request it must not overtake
    auto const pair = is_cancel ? WorkerPair{} : way.pair_of(kind, payload);
    if (is_cancel || unpacking_.holds(way, pair)) return unpack_later(way, pair, kind, ReceivedMessage(payload));
  }
  take_message(way, kind, payload);
}

std::string Links::on_fragment(Carrier& carrier, Link& way, Frame const& fragment) {
  auto whole = way.reassemble(fragment);
  if (!whole) return way.why_not_whole();
  auto const payload = whole->message.payload();
  if (whole->kind == FrameKind::control || whole->message.size() <= unpacked_at_once_bytes_max)
    on_whole(carrier, way, whole->kind, payload);
  else
    unpack_later(way, way.pair_of(whole->kind, payload), whole->kind, std::move(whole->message));
  return {};
}

/// Answers are always taken: open calls bound them.
void Links::unpack_later(Link& way, WorkerPair const& pair, FrameKind kind, ReceivedMessage message) {
  if (kind == FrameKind::request && !unpacking_.has_room(message.size())) return way.refuse_request(message.payload());
  unpacking_.add({&way, pair, kind, std::move(message)});
}

void Links::unpack(Unpacking::Job& job) {
  std::string why;
  try {
    return take_message(*job.link, job.kind, job.message.payload());
  } catch (...) {
    why = why_not_taken();
  }
  host::log(host::Level::error, fmt::format("closed the connection with env {}: {}", job.link->env(), why));
  job.link->close(std::move(why));
}

void Links::close_for(Carrier& carrier, std::string why) {
  host::log(host::Level::error, fmt::format("closed the connection with {}: {}", to_string(carrier.peer()), why));
  carrier.close(std::move(why));
}

void Links::on_beat(Carrier& carrier) { reinterpret_cast<Link*>(carrier.user_data())->beat(carrier); }

void Links::on_closed(Carrier& carrier, std::string_view reason, Ending ending) {
  auto const peer = carrier.peer();
  auto& way = *reinterpret_cast<Link*>(carrier.user_data());
  switch (way.carrier_down(carrier, ending)) {
    case Link::Next::nothing: return;
    case Link::Next::dial: watch_resume(way, peer); return dial_after(way.back_off(), way);
    case Link::Next::await_peer: watch_resume(way, peer); return dial_if_peer_is_late(way);
    case Link::Next::dial_again: return try_again(way, peer, reason);
    case Link::Next::give_up:
      give_up_after(wait_for_cause, way, fmt::format("connection lost: {}", reason));
      restore_retried(way, peer, wait_for_cause);
      return directory_.on_link(peer, false);
  }
}

void Links::on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) {
  --dials_;
  begin_dials();
  auto* const way = find(expected.env);
  if (way == nullptr) return;
  if (!refused_as_duplicate) return try_again(*way, expected, reason);
  way->await_peer();
  dial_if_peer_is_late(*way);
}

void Links::dial_after(std::chrono::nanoseconds delay, Link& way) {
  if (delay.count() == 0) return queue_dial(way);
  network_->after(delay, [this, &way] { queue_dial(way); });
}

void Links::dial_if_peer_is_late(Link& way) {
  network_->after(wait_for_peer, [this, &way] {
    if (way.peer_is_late()) queue_dial(way);
  });
}

void Links::try_again(Link& way, Peer const& peer, std::string_view reason) {
  if (auto const delay = way.dial_failed()) return dial_after(*delay, way);
  way.fail_unsent(fmt::format("it cannot be reached: {}", reason));
  directory_.on_link(peer, false);
}

void Links::watch_resume(Link& way, Peer const& peer) {
  network_->after(limits_.resume_limit, [this, &way, peer, cut = way.cut()] {
    if (!way.resume_is_over(cut)) return;
    log_not_restored(peer, limits_.resume_limit);
    restore_retried(way, peer, {});
    directory_.on_link(peer, false);
  });
}

/// Where calls are sent again that were lost with their session.
void Links::restore_retried(Link& way, Peer const& peer, std::chrono::nanoseconds delay) {
  auto const calls = way.take_retried();
  if (calls == 0) return;
  log_retried(peer, calls);
  watch_resume(way, peer);
  dial_after(delay + way.back_off(), way);
}

}  // namespace corps::net
