#include "env/net/internal/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/watchers.hpp"

namespace corps::net {
namespace {

using detail::ByteBuffer;
using detail::Request;

constexpr std::int64_t no_deadline_on_wire = -1;
constexpr std::uint64_t no_answer_wanted = 0;
constexpr int dials_max = 3;  // in a row, before what waits for the carrier ends
/// Of each text of an error: so that an error is no way around limits.message.
constexpr std::size_t error_text_bytes_max = std::size_t{64} << 10;

/// What stands before the arguments of a request.
struct RequestHead {
  std::uint64_t number = no_answer_wanted;
  std::uint64_t method = 0;
  std::uint64_t target = 0;
  std::int64_t remaining_ns = no_deadline_on_wire;
  std::uint64_t caller = 0;
};

ErrorInfo lost(EnvId env, std::string const& why, Ran ran) {
  return {Errc::worker_lost, ran, fmt::format("env {} is lost: {}", env, why), {}, {}};
}

ErrorInfo link_full(EnvId env, std::size_t bytes) {
  return {Errc::overloaded,
          Ran::no,
          fmt::format(
              "{} bytes wait to be sent to env {}, the most that may; send less at a time, or raise limits.in_flight_per_link",
              bytes, env),
          {},
          {}};
}

void pack_request(Packer& out, Request const& request, std::uint64_t number) {
  auto const remaining = request.deadline_ns == detail::never_ns
                             ? no_deadline_on_wire
                             : std::max<std::int64_t>(0, request.deadline_ns - detail::now_ns());
  out(number, request.method->id.hash, static_cast<std::uint64_t>(request.target), remaining,
      static_cast<std::uint64_t>(request.caller_id));
  detail::pack_context(out, request.shared);
  request.pack_arguments(out);
}

void shorten(ErrorInfo& error, std::size_t bytes_max) {
  constexpr std::string_view mark = " ...";
  for (auto* const text : {&error.text, &error.type}) {
    if (text->size() <= bytes_max) continue;
    text->resize(bytes_max - mark.size());
    *text += mark;
  }
  std::size_t chain_bytes = 0;
  std::erase_if(error.chain, [&](std::string const& step) { return (chain_bytes += step.size()) > bytes_max; });
}

/// What packing or unpacking threw, as the error of a call that was not run.
ErrorInfo packing_failed(std::string_view what) noexcept {
  try {
    throw;
  } catch (Error const& error) {
    auto info = error.info();
    info.ran = Ran::no;
    info.text = fmt::format("{}: {}", what, info.text);
    return info;
  } catch (std::exception const& error) {
    return {Errc::decode, Ran::no, fmt::format("{}: {}", what, error.what()), {}, {}};
  } catch (...) {
    return {Errc::decode, Ran::no, std::string{what}, {}, {}};
  }
}

}  // namespace

// --- calls to the other Env --------------------------------------------------------------------------------------

bool Link::send(std::unique_ptr<Request> request) noexcept {
  bool const one_way = request->caller == nullptr && request->origin == nullptr;
  auto const number = one_way ? no_answer_wanted : 1 + last_number_.fetch_add(1, std::memory_order_relaxed);
  auto frame = frame_with_room();
  try {
    Packer out{frame, limits_.message_bytes_max};
    pack_request(out, *request, number);
  } catch (...) {
    request.release()->bounce(packing_failed("the arguments cannot be packed"));
    return false;
  }
  // What one Worker sends stays in order: it sends one thing at a time, and carrier_up sends what waits before the link is up.
  std::shared_ptr<Carrier> carrier;
  {
    std::unique_lock lock{mutex_};
    if (!gone_.empty()) {
      auto error = lost(env_, gone_, Ran::no);
      lock.unlock();
      request.release()->bounce(std::move(error));
      return false;
    }
    auto const queued = carrier_ != nullptr ? queued_bytes() : unsent_bytes_;
    if (queued > limits_.in_flight_bytes_max) {
      lock.unlock();
      request.release()->bounce(link_full(env_, queued));
      return false;
    }
    if (carrier_ == nullptr) return keep_unsent(number, std::move(frame), std::move(request));
    carrier = carrier_;
    if (number != no_answer_wanted) open_.emplace(number, std::move(request));
    queue(FrameKind::request, std::move(frame));
  }
  carrier->flush();
  return false;
}

bool Link::keep_unsent(std::uint64_t number, ByteBuffer frame, std::unique_ptr<Request> request) {
  unsent_bytes_ += frame.size();
  if (number == no_answer_wanted) {
    unsent_.push_back({std::move(frame), std::move(request)});
  } else {
    unsent_calls_.emplace(number, std::move(request));
    unsent_.push_back({std::move(frame), nullptr});
  }
  return state_ == State::idle && std::exchange(state_, State::wanted) == State::idle;
}

bool Link::send_control(std::span<std::byte const> bytes) {
  auto frame = frame_with_room();
  frame.append(bytes.data(), bytes.size());
  return reply(FrameKind::control, std::move(frame));
}

std::unique_ptr<Request> Link::take_open(std::uint64_t number) {
  std::lock_guard const lock{mutex_};
  auto found = open_.extract(number);
  return found.empty() ? nullptr : std::move(found.mapped());
}

void Link::on_answer(std::span<std::byte const> payload) {
  Unpacker in{payload};
  std::uint64_t number = 0;
  in(number);
  auto request = take_open(number);
  if (request == nullptr) return;  // an answer nobody waits for any more
  try {
    request->unpack_result(in);
    in.finish();
  } catch (...) {
    auto info = packing_failed("the answer cannot be unpacked");
    info.ran = Ran::yes;
    return request.release()->bounce(std::move(info));
  }
  request.release()->finish();
}

void Link::on_error(std::span<std::byte const> payload) {
  Unpacker in{payload};
  std::uint64_t number = 0;
  ErrorInfo info;
  in(number, info);
  in.finish();
  auto request = take_open(number);
  if (request == nullptr) return;
  if (info.code == Errc::attribute)
    info.text += fmt::format(" (called: {} {})", readable(*request->method), request->method->id.signature);
  request.release()->bounce(std::move(info));
}

// --- calls from the other Env ------------------------------------------------------------------------------------

void Link::on_request(std::span<std::byte const> payload) {
  Unpacker in{payload};
  RequestHead head;
  in(head.number, head.method, head.target, head.remaining_ns, head.caller);
  auto context = detail::unpack_context(in);
  auto const* const method = detail::find_method(head.method);
  if (method == nullptr)
    return answer_with_error(head.number,
                             {Errc::attribute,
                              Ran::no,
                              fmt::format("env {} has no method with the identity {:016x}: it runs another program, or another "
                                          "version of it",
                                          self_, head.method),
                              {},
                              {}});
  std::unique_ptr<Request> request;
  try {
    request = method->make(in);
    in.finish();
  } catch (...) {
    auto info = packing_failed(fmt::format("env {} cannot unpack the arguments of {}", self_, readable(*method)));
    if (info.code != Errc::attribute) info.code = Errc::decode;  // attribute: a bound function that this program has not
    return answer_with_error(head.number, info);
  }
  if (head.remaining_ns >= 0) request->deadline_ns = detail::deadline_after(detail::now_ns(), head.remaining_ns);
  request->target = ConcId{head.target};
  request->caller_id = ConcId{head.caller};
  request->caller_env = env_;
  request->shared = std::move(context);
  if (head.number != no_answer_wanted) {
    request->origin = this;
    request->origin_call = head.number;
  }
  if (method->env_serves != nullptr) return method->env_serves(std::move(request));
  if (method->constructs == nullptr) return detail::deliver(*request.release(), nullptr, {self_, ConcId{head.target}});
  detail::deliver_create(std::move(request));
}

void Link::answer(std::unique_ptr<Request> request) noexcept {
  if (request->error != nullptr) return answer_with_error(request->origin_call, *request->error);
  auto frame = frame_with_room();
  try {
    Packer out{frame, limits_.message_bytes_max};
    out(request->origin_call);
    request->pack_result(out);
  } catch (...) {
    auto info = packing_failed(fmt::format("the result of {} cannot be packed", readable(*request->method)));
    info.ran = Ran::yes;
    return answer_with_error(request->origin_call, info);
  }
  reply(FrameKind::answer, std::move(frame));
}

void Link::answer_with_error(std::uint64_t call, ErrorInfo error) noexcept {
  if (call == no_answer_wanted)
    return host::log(host::Level::warn, fmt::format("a request of env {} that wants no answer failed: {}", env_, error.text));
  shorten(error, std::min(error_text_bytes_max, limits_.message_bytes_max / 4));
  auto frame = frame_with_room();
  Packer out{frame};
  out(call, error);
  reply(FrameKind::error, std::move(frame));
}

bool Link::reply(FrameKind kind, ByteBuffer frame) noexcept {
  std::shared_ptr<Carrier> carrier;
  bool full = false;
  {
    std::lock_guard const lock{mutex_};
    if (carrier_ == nullptr) return false;
    carrier = carrier_;
    full = !queue(kind, std::move(frame));
  }
  if (!full) {
    carrier->flush();
    return true;
  }
  auto const why = fmt::format("env {} does not take what it is sent: {} bytes wait", env_, queued_bytes());
  host::log(host::Level::error, why);
  carrier->close(why);
  return false;
}

// --- what the carrier takes from ----------------------------------------------------------------------------------

std::size_t Link::queued_bytes() noexcept {
  std::lock_guard const lock{queue_mutex_};
  return queue_.unsent_bytes();
}

bool Link::queue(FrameKind kind, ByteBuffer frame) noexcept {
  std::lock_guard const lock{queue_mutex_};
  if (queue_.bytes() != 0 && queue_.bytes() + frame.size() > limits_.queued_bytes_max) return false;
  queue_.push(kind, 0, std::move(frame));
  return true;
}

std::size_t Link::offer(Carrier& by, std::span<Piece> pieces) noexcept {
  std::lock_guard const lock{queue_mutex_};
  if (taker_ != &by) return 0;
  auto const count = queue_.offer(pieces);
  if (count != 0) queue_.hold();
  return count;
}

void Link::taken(Carrier& by, std::size_t bytes) noexcept {
  std::lock_guard const lock{queue_mutex_};
  queue_.give_back();
  if (taker_ != &by) return;
  queue_.taken(bytes);
  queue_.release_sent();
}

// --- the carrier -------------------------------------------------------------------------------------------------

bool Link::wants_carrier() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::idle || !gone_.empty()) return false;
  state_ = State::wanted;
  return true;
}

bool Link::begin_dial() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::wanted) return false;
  state_ = State::dialing;
  return true;
}

bool Link::dial_failed() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::dialing || ++failed_dials_ == dials_max) return false;
  state_ = State::wanted;
  return true;
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

bool Link::carrier_up(std::shared_ptr<Carrier> carrier) {
  {
    std::lock_guard const lock{mutex_};
    if (state_ == State::up) {
      carrier->close("this Env has another connection to its peer");
      return false;
    }
    carrier_ = carrier;
    state_ = State::up;
    failed_dials_ = 0;
    for (auto& request : std::exchange(unsent_, {})) queue(FrameKind::request, std::move(request.frame));
    unsent_bytes_ = 0;
    open_.merge(unsent_calls_);
    std::lock_guard const queue_lock{queue_mutex_};
    taker_ = carrier.get();
  }
  carrier->attach(*this);
  carrier->flush();
  return true;
}

bool Link::carrier_down(Carrier& carrier) {
  Calls calls;
  std::string how;
  {
    std::lock_guard const lock{mutex_};
    if (carrier_.get() != &carrier) return false;
    carrier_ = nullptr;
    state_ = State::idle;
    orphans_.merge(open_);
    if (!gone_.empty()) calls.swap(orphans_);
    how = gone_;
    std::lock_guard const queue_lock{queue_mutex_};
    taker_ = nullptr;
    queue_.clear();
  }
  end_lost(std::move(calls), how);
  mail::forget_watchers(*this);
  return true;
}

// --- what cannot be answered any more ----------------------------------------------------------------------------

void Link::take_unsent(Calls& calls, std::vector<Unsent>& frames) {
  calls.swap(unsent_calls_);
  frames.swap(unsent_);
  unsent_bytes_ = 0;
  failed_dials_ = 0;
  state_ = State::idle;
}

void Link::fail_unsent(std::string const& why) {
  Calls calls;
  std::vector<Unsent> frames;
  {
    std::lock_guard const lock{mutex_};
    if (state_ == State::up) return;
    take_unsent(calls, frames);
  }
  end_unsent(std::move(calls), std::move(frames), why);
}

bool Link::env_ended(std::string const& why) {
  Calls calls;
  Calls sent;
  std::vector<Unsent> frames;
  {
    std::lock_guard const lock{mutex_};
    gone_ = why;
    if (state_ == State::up) return true;
    take_unsent(calls, frames);
    sent.swap(orphans_);
  }
  end_unsent(std::move(calls), std::move(frames), why);
  end_lost(std::move(sent), why);
  return false;
}

void Link::give_up(std::string const& why) {
  Calls calls;
  std::string cause = why;
  {
    std::lock_guard const lock{mutex_};
    calls.swap(orphans_);
    if (!gone_.empty()) {
      cause = gone_;
      calls.merge(open_);
      if (carrier_ != nullptr) carrier_->close(gone_);  // somebody else holds its other end
    }
  }
  end_lost(std::move(calls), cause);
}

void Link::end_unsent(Calls calls, std::vector<Unsent> frames, std::string const& why) const noexcept {
  for (auto& [number, request] : calls) request.release()->bounce(lost(env_, why, Ran::no));
  for (auto& unsent : frames)
    if (unsent.tell != nullptr) unsent.tell.release()->bounce(lost(env_, why, Ran::no));
}

void Link::end_lost(Calls calls, std::string const& why) const noexcept {
  for (auto& [number, request] : calls) request.release()->bounce(lost(env_, why, Ran::maybe));
}

}  // namespace corps::net
