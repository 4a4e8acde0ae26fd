#include "env/net/internal/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/cancel.hpp"
#include "env/net/internal/frame_draft.hpp"
#include "env/net/internal/gathering.hpp"
#include "env/net/internal/lost.hpp"
#include "env/net/internal/signatures.hpp"

namespace corps::net {
namespace {

using detail::ByteBuffer;
using detail::Request;

constexpr std::int64_t no_deadline_on_wire = -1;
constexpr std::uint64_t no_answer_wanted = 0;
/// Beside the number of a call: it is sent again.
constexpr std::uint64_t again = std::uint64_t{1} << 63;
/// Of each text of an error: so that an error is no way around limits.message.
constexpr std::size_t error_text_bytes_max = std::size_t{64} << 10;

/// What stands before the arguments of a request; remaining_ns comes after `remaining_at` bytes.
struct RequestHead {
  std::uint64_t number = no_answer_wanted;
  std::uint64_t method = 0;
  std::uint64_t target = 0;
  std::int64_t remaining_ns = no_deadline_on_wire;
  std::uint64_t caller = 0;
  bool is_retried = false;
};

constexpr std::size_t remaining_at = 24;

RequestHead take_head(Unpacker& in) {
  RequestHead head;
  in(head.number, head.method, head.target, head.remaining_ns, head.caller);
  head.is_retried = (head.number & again) != 0;
  head.number &= ~again;
  return head;
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

std::int64_t remaining_ns(Request const& request) noexcept {
  if (request.deadline_ns == detail::never_ns) return no_deadline_on_wire;
  return std::max<std::int64_t>(0, request.deadline_ns - detail::recent_now_ns());
}

void pack_request(Packer& out, Request& request, std::uint64_t number) {
  out(number, request.method->id.hash, static_cast<std::uint64_t>(request.target), remaining_ns(request),
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

void renew_request(ByteBuffer& frame, Request const& request, bool is_retried) noexcept {
  auto* const head = frame.data() + header_bytes;
  if (is_retried) put_number(head, get_number<std::uint64_t>(head) | again);
  put_number(head + remaining_at, remaining_ns(request));
}

// --- calls to the other Env --------------------------------------------------------------------------------------

bool Link::send(std::unique_ptr<Request> request) noexcept {
  bool const one_way = request->caller == nullptr && request->origin == nullptr;
  auto const number = one_way ? no_answer_wanted : 1 + last_number_.fetch_add(1, std::memory_order_relaxed);
  if (request->origin == nullptr) request->origin_call = number;
  mail::StreamsSent streams{env_};
  FrameDraft frame;
  ByteBuffer copy;
  detail::AllGiven given;
  bool const is_retryable = !one_way && may_retry(*request);  // then its bytes are needed in one place
  try {
    detail::Brief<Packer> out{frame.bytes(), limits_.message_bytes_max, given, is_retryable ? SIZE_MAX : limits_.fragment_bytes};
    (*out).for_env(env_);
    pack_request(*out, *request, number);
    if (is_retryable && retryable_.has_room(frame.bytes().size())) copy.append(frame.bytes().data(), frame.bytes().size());
  } catch (...) {
    request.release()->bounce(packing_failed("the arguments cannot be packed"));
    return false;
  }
  auto const pair = pair_of_call(*request);
  bool to_be_made = false;
  bool was_cancelled = false;
  Gathering::Departure departure;
  {
    std::unique_lock lock{mutex_};
    if (!gone_.empty()) {
      auto error = lost_error(env_, gone_, Ran::no);
      lock.unlock();
      request.release()->bounce(std::move(error));
      return false;
    }
    std::unique_lock session_lock{session_mutex_};
    auto const kept = session_.kept_bytes_for(frame.bytes().size() + detail::bytes_given(given));
    bool const is_bounded = request->method->env_serves != nullptr;  // by the open calls of who makes them
    if (kept > std::min(limits_.in_flight_bytes_max, session_.peer_credit_bytes()) && !is_bounded) {
      session_lock.unlock();
      lock.unlock();
      request.release()->bounce(link_full(env_, kept));
      return false;
    }
    auto const frame_number = session_.push(FrameKind::request, frame.bytes(), pair, std::move(given));
    streams.keep();
    bool const leaves = session_.is_open();
    session_lock.unlock();
    if (number != no_answer_wanted) {
      if (is_retryable) retryable_.add(pair, number, std::move(copy));
      was_cancelled = request->origin != nullptr && !request->origin->going_away(*request, number);
      open_.add(number, {std::move(request), frame_number, 0});
    } else if (!leaves) {
      tells_.push_back({std::move(request), frame_number, 0});
    }
    departure.by(carrier_);
    to_be_made = state_ == State::idle;
    if (to_be_made) want();
  }
  departure.go();
  if (was_cancelled) cancel(number);
  return to_be_made;
}

bool Link::send_control(std::span<std::byte const> bytes) {
  FrameDraft frame;
  frame.bytes().append(bytes.data(), bytes.size());
  return reply(FrameKind::control, frame.bytes(), control_pair);
}

// Behind the request, between the same two Workers. There is one for each call that is away, at most: it needs no limit.
void Link::cancel(std::uint64_t number) noexcept {
  FrameDraft frame;
  Packer out{frame.bytes()};
  out(number);
  Gathering::Departure departure;
  {
    std::lock_guard const lock{mutex_};
    auto const* const request = open_.find(number);
    if (request == nullptr) return;
    std::lock_guard const session_lock{session_mutex_};
    session_.push(FrameKind::cancel, frame.bytes(), pair_of_call(*request));
    departure.by(carrier_);
  }
  departure.go();
}

// Nobody misses one that is not sent: it is only a look.
bool Link::send_probe(std::uint64_t number, std::span<std::byte const> body) noexcept {
  FrameDraft frame;
  frame.bytes().append(body.data(), body.size());
  if (frame.bytes().size() > limits_.fragment_bytes) return false;
  Gathering::Departure departure;
  {
    std::lock_guard const lock{mutex_};
    if (carrier_ == nullptr && !resuming_) return false;
    auto pair = control_pair;
    if (number != mail::probe_goes_home) {
      auto const* const request = open_.find(number);
      if (request == nullptr) return false;
      pair = pair_of_call(*request);
    }
    std::lock_guard const session_lock{session_mutex_};
    if (session_.kept_bytes_for(frame.bytes().size()) > limits_.in_flight_bytes_max) return false;
    session_.push(FrameKind::probe, frame.bytes(), pair);
    departure.by(carrier_);
  }
  departure.go();
  return true;
}

// With mutex_ held.
OpenCall Link::take_open(std::uint64_t number, bool ran) noexcept {
  auto call = open_.take(number);
  if (call.request != nullptr) call_ended(number, *call.request, ran || call.sent != 0);
  return call;
}

void Link::on_answer(Payload const& payload) {
  Unpacker in{payload.pieces()};
  std::uint64_t number = 0;
  in(number);
  std::unique_lock lock{mutex_};
  auto request = take_open(number, true).request;
  lock.unlock();
  if (request != nullptr) end_call(in, std::move(request));  // else nobody waits for it any more
}

void Link::on_answers(std::span<Frame const> frames) {
  std::array<std::unique_ptr<Request>, frames_at_once_max> requests;
  std::size_t count = 0;
  {
    std::lock_guard const lock{mutex_};
    for (; count < frames.size() && frames[count].payload.size() >= sizeof(std::uint64_t); ++count)
      requests[count] = take_open(get_number<std::uint64_t>(frames[count].payload.data()), true).request;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (requests[i] == nullptr) continue;
    detail::Brief<Unpacker> in{frames[i].payload.subspan(sizeof(std::uint64_t))};
    end_call(*in, std::move(requests[i]));
  }
  if (count < frames.size()) on_answer(frames[count].payload);  // says what is wrong with it
}

void Link::end_call(Unpacker& in, std::unique_ptr<Request> request) noexcept {
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

void Link::on_error(Payload const& payload) {
  Unpacker in{payload.pieces()};
  std::uint64_t number = 0;
  ErrorInfo info;
  bool is_unknown_method = false;
  in(number, info, is_unknown_method);
  in.finish();
  std::unique_lock lock{mutex_};
  auto [request, frame, sent] = take_open(number, info.ran != Ran::no);
  lock.unlock();
  if (request == nullptr) return;
  if (sent != 0 && info.ran == Ran::no) info.ran = Ran::maybe;          // an earlier run may have been one
  bool const is_own_question = request->method->env_serves != nullptr;  // as that for the signatures itself
  if (is_unknown_method && !is_own_question) return end_with_signatures(env_, std::move(request), std::move(info));
  request.release()->bounce(std::move(info));
}

// --- calls from the other Env ------------------------------------------------------------------------------------

/// Null if it has ended with an error, or runs already.
std::unique_ptr<Request> Link::make_request(Payload const& payload) {
  detail::Brief<Unpacker> unpacker{payload.pieces()};
  auto& in = *unpacker;
  auto const head = take_head(in);
  if (head.is_retried && served_.find(head.number).call != nullptr) return nullptr;  // its first run answers
  auto context = detail::unpack_context(in);
  WorkerPair const back{head.target, head.caller};
  if (head.is_retried && served_.has_later(head.number, ConcId{head.target}, ConcId{head.caller})) {
    answer_with_error(head.number, back,
                      {Errc::worker_lost,
                       Ran::maybe,
                       fmt::format("env {} does not run it again: a later call of the same caller is already there", self_),
                       {},
                       {}});
    return nullptr;
  }
  auto const* const method = detail::find_method(head.method);
  if (method == nullptr) {
    answer_with_error(head.number, back,
                      {Errc::attribute,
                       Ran::no,
                       fmt::format("env {} has no method with the identity {:016x}: it runs another program, or another "
                                   "version of it",
                                   self_, head.method),
                       {},
                       {}},
                      true);
    return nullptr;
  }
  std::unique_ptr<Request> request;
  try {
    request = method->make(in);
    in.finish();
  } catch (...) {
    auto info = packing_failed(fmt::format("env {} cannot unpack the arguments of {}", self_, readable(*method)));
    // attribute: a bound function that this program has not; overloaded: limits.ext_envs
    if (info.code != Errc::attribute && info.code != Errc::overloaded) info.code = Errc::decode;
    answer_with_error(head.number, back, info);
    return nullptr;
  }
  if (head.remaining_ns >= 0) request->deadline_ns = detail::deadline_after(detail::recent_now_ns(), head.remaining_ns);
  request->target = ConcId{head.target};
  request->caller_id = ConcId{head.caller};
  request->caller_env = env_;
  request->shared = std::move(context);
  if (head.number != no_answer_wanted) {
    request->origin = this;
    request->origin_call = head.number;
  }
  return request;
}

void Link::begin_request(std::unique_ptr<Request> request) noexcept {
  auto const& method = *request->method;
  if (method.env_serves != nullptr) return method.env_serves(std::move(request));
  ConcAddr const to{self_, request->target};
  if (method.constructs == nullptr) return detail::deliver(*request.release(), nullptr, to);
  detail::begin_worker(*request.release());
}

void Link::on_request(Payload const& payload) {
  auto request = make_request(payload);
  if (request == nullptr) return;
  served_.add({&request, 1});
  begin_request(std::move(request));
}

/// A peer's calls are all known before the first of them begins: Workers that are woken find what is for them together.
void Link::on_requests(std::span<Frame const> frames) {
  std::array<std::unique_ptr<Request>, frames_at_once_max> requests;
  std::size_t count = 0;
  auto const begin_all = [&] {
    served_.add(std::span(requests).first(count));
    for (auto& request : std::span(requests).first(count)) begin_request(std::move(request));
  };
  try {
    for (auto const& frame : frames)
      if (auto request = make_request(frame.payload)) requests[count++] = std::move(request);
  } catch (...) {
    begin_all();
    throw;
  }
  begin_all();
}

void Link::on_cancel(Payload const& payload) {
  Unpacker in{payload.pieces()};
  std::uint64_t number = 0;
  in(number);
  in.finish();
  if (auto const by = served_.give_up(number)) mail::tell_of_cancel(*by);
}

void Link::on_probe(Payload const& payload) {
  Unpacker in{payload.pieces()};
  std::uint64_t number = 0;
  in(number);
  if (number == mail::probe_goes_home) return mail::probe_came_back(in);
  mail::probe_came(env_, served_.find(number), in);
}

WorkerPair Link::pair_of(FrameKind kind, Payload const& payload) {
  Unpacker in{payload.pieces()};
  if (kind == FrameKind::request) {
    auto const head = take_head(in);
    return {head.caller, head.target};
  }
  std::uint64_t number = 0;
  in(number);
  std::lock_guard const lock{mutex_};
  auto const* const request = open_.find(number);
  if (request == nullptr) return {};  // nobody waits for it
  return {static_cast<std::uint64_t>(request->target), static_cast<std::uint64_t>(request->caller_id)};
}

void Link::refuse_request(Payload const& payload) {
  Unpacker in{payload.pieces()};
  auto const head = take_head(in);
  answer_with_error(head.number, {head.target, head.caller},
                    {Errc::overloaded,
                     Ran::no,
                     fmt::format("as many large arguments as env {} has room for wait there to be unpacked; send less at a time, "
                                 "or raise limits.in_flight_per_link",
                                 self_),
                     {},
                     {}});
}

void Link::answer(std::unique_ptr<Request> request) noexcept {
  served_.remove(*request);
  WorkerPair const back{static_cast<std::uint64_t>(request->target), static_cast<std::uint64_t>(request->caller_id)};
  if (request->error != nullptr) return answer_with_error(request->origin_call, back, *request->error);
  mail::StreamsSent streams{env_};
  FrameDraft frame;
  detail::AllGiven given;
  try {
    detail::Brief<Packer> out{frame.bytes(), limits_.message_bytes_max, given, limits_.fragment_bytes};
    (*out).for_env(env_)(request->origin_call);
    request->pack_result(*out);
  } catch (...) {
    auto info = packing_failed(fmt::format("the result of {} cannot be packed", readable(*request->method)));
    info.ran = Ran::yes;
    return answer_with_error(request->origin_call, back, info);
  }
  if (reply(FrameKind::answer, frame.bytes(), back, std::move(given))) streams.keep();
}

void Link::answer_with_error(std::uint64_t call, WorkerPair const& pair, ErrorInfo error, bool is_unknown_method) noexcept {
  if (call == no_answer_wanted)
    return host::log(host::Level::warn, fmt::format("a request of env {} that wants no answer failed: {}", env_, error.text));
  shorten(error, std::min(error_text_bytes_max, limits_.message_bytes_max / 4));
  FrameDraft frame;
  Packer out{frame.bytes()};
  out(call, error, is_unknown_method);
  reply(FrameKind::error, frame.bytes(), pair);
}

bool Link::reply(FrameKind kind, ByteBuffer& frame, WorkerPair const& pair, detail::AllGiven given) noexcept {
  Gathering::Departure departure;
  std::shared_ptr<Carrier> too_slow;
  std::size_t kept = 0;
  {
    std::lock_guard const lock{mutex_};
    if (carrier_ == nullptr && !resuming_) return false;
    std::lock_guard const session_lock{session_mutex_};
    kept = session_.kept_bytes();
    if (kept == 0 || kept + frame.size() + detail::bytes_given(given) <= limits_.kept_bytes_max) {
      session_.push(kind, frame, pair, std::move(given));
      kept = 0;
      departure.by(carrier_);
    } else {
      too_slow = carrier_;
    }
  }
  if (kept == 0) {
    departure.go();
    return true;
  }
  auto const why = fmt::format("env {} does not take what it is sent: {} bytes wait", env_, kept);
  host::log(host::Level::error, why);
  if (too_slow != nullptr) too_slow->close(why);
  return false;
}

}  // namespace corps::net
