#include "env/net/internal/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/pack.hpp"

namespace corps::net {
namespace {

using detail::ByteBuffer;
using detail::Request;

constexpr std::int64_t no_deadline_on_wire = -1;
constexpr std::uint64_t no_answer_wanted = 0;

/// What stands before the arguments of a request.
struct RequestHead {
  std::uint64_t number = no_answer_wanted;
  std::uint64_t method = 0;
  std::uint64_t target = 0;
  std::int64_t remaining_ns = no_deadline_on_wire;
};

ErrorInfo lost(EnvId env, std::string const& why, Ran ran) {
  return {Errc::worker_lost, ran, fmt::format("env {} is lost: {}", env, why), {}, {}};
}

ErrorInfo link_full(EnvId env, std::size_t bytes) {
  return {Errc::overloaded, Ran::no,
          fmt::format("{} bytes wait to be sent to env {}, the most that may; send less at a time, or raise limits.in_flight_per_link", bytes,
                      env),
          {},
          {}};
}

void pack_request(Packer& out, Request const& request, std::uint64_t number) {
  auto const remaining = request.deadline_ns == detail::never_ns ? no_deadline_on_wire
                                                                 : std::max<std::int64_t>(0, request.deadline_ns - detail::now_ns());
  out(number, request.method->id.hash, static_cast<std::uint64_t>(request.target), remaining);
  request.pack_arguments(out);
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
  std::unique_lock lock{mutex_};
  if (!gone_.empty()) {
    lock.unlock();
    request.release()->bounce(lost(env_, gone_, Ran::no));
    return false;
  }
  auto const number = request->caller == nullptr ? no_answer_wanted : ++last_number_;
  Pending message;
  try {
    Packer out{message.frame, limits_.message_bytes_max};
    pack_request(out, *request, number);
  } catch (...) {
    auto info = packing_failed("the arguments cannot be packed");
    lock.unlock();
    request.release()->bounce(std::move(info));
    return false;
  }
  auto const queued = connection_ != nullptr ? connection_->queued_bytes() : pending_bytes_;
  if (queued + message.frame.size() > limits_.in_flight_bytes_max + limits_.message_bytes_max || queued > limits_.in_flight_bytes_max) {
    lock.unlock();
    request.release()->bounce(link_full(env_, queued));
    return false;
  }
  if (number != no_answer_wanted) open_.emplace(number, std::move(request));
  if (state_ == State::up) {
    connection_->send(FrameKind::request, message.frame);  // if it is closed, carrier_down follows and ends the call
    return false;
  }
  pending_bytes_ += message.frame.size();
  pending_.push_back(std::move(message));
  return state_ == State::idle && std::exchange(state_, State::dialing) == State::idle;
}

bool Link::wants_carrier() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::idle || !gone_.empty()) return false;
  state_ = State::dialing;
  return true;
}

bool Link::send_control(std::span<std::byte const> bytes) { return reply(FrameKind::control, bytes); }

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
  if (info.code == Errc::attribute) info.text += fmt::format(" (called: {} {})", readable(*request->method), request->method->id.signature);
  request.release()->bounce(std::move(info));
}

// --- calls from the other Env ------------------------------------------------------------------------------------

void Link::on_request(std::span<std::byte const> payload) {
  Unpacker in{payload};
  RequestHead head;
  in(head.number, head.method, head.target, head.remaining_ns);
  auto const* const method = detail::find_method(head.method);
  if (method == nullptr)
    return answer_with_error(head.number, {Errc::attribute, Ran::no,
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
    info.code = Errc::decode;
    return answer_with_error(head.number, info);
  }
  if (head.remaining_ns >= 0) request->deadline_ns = detail::deadline_after(detail::now_ns(), head.remaining_ns);
  request->target = ConcId{head.target};
  if (head.number != no_answer_wanted) {
    request->origin = this;
    request->origin_call = head.number;
  }
  if (method->constructs == nullptr) return detail::deliver(*request.release(), nullptr, {self_, ConcId{head.target}});
  detail::deliver_create(std::move(request));
}

void Link::answer(std::unique_ptr<Request> request) noexcept {
  if (request->error != nullptr) return answer_with_error(request->origin_call, *request->error);
  ByteBuffer bytes;
  try {
    Packer out{bytes, limits_.message_bytes_max};
    out(request->origin_call);
    request->pack_result(out);
  } catch (...) {
    auto info = packing_failed(fmt::format("the result of {} cannot be packed", readable(*request->method)));
    info.ran = Ran::yes;
    return answer_with_error(request->origin_call, info);
  }
  reply(FrameKind::answer, bytes);
}

void Link::answer_with_error(std::uint64_t call, ErrorInfo const& error) noexcept {
  if (call == no_answer_wanted) return;
  ByteBuffer bytes;
  Packer out{bytes};
  out(call, error);
  reply(FrameKind::error, bytes);
}

bool Link::reply(FrameKind kind, std::span<std::byte const> bytes) noexcept {
  std::shared_ptr<Connection> connection;
  {
    std::lock_guard const lock{mutex_};
    connection = connection_;
  }
  if (connection == nullptr) return false;
  auto const sent = connection->send(kind, bytes);
  if (sent == SendResult::full || sent == SendResult::too_large)
    connection->close(fmt::format("env {} does not take what it is sent: {} bytes wait", env_, connection->queued_bytes()));
  return sent == SendResult::sent;
}

// --- the carrier -------------------------------------------------------------------------------------------------

bool Link::admits_carrier_of_peer() {
  std::lock_guard const lock{mutex_};
  if (!gone_.empty() || state_ == State::up) return false;
  return state_ != State::dialing || env_ < self_;
}

void Link::carrier_up(std::shared_ptr<Connection> connection) {
  std::lock_guard const lock{mutex_};
  if (state_ == State::up) return connection->close("this Env has another connection to its peer");
  connection_ = std::move(connection);
  state_ = State::up;
  for (auto const& message : std::exchange(pending_, {})) connection_->send(FrameKind::request, message.frame, {}, Flush::later);
  pending_bytes_ = 0;
  connection_->flush();
}

bool Link::carrier_down(Connection& connection, std::string_view) {
  std::lock_guard const lock{mutex_};
  if (connection_.get() != &connection) return false;
  connection_ = nullptr;
  state_ = State::idle;
  orphans_.merge(open_);
  return true;
}

void Link::await_peer() {
  std::lock_guard const lock{mutex_};
  if (state_ == State::dialing) state_ = State::awaiting;
}

bool Link::awaits_peer() {
  std::lock_guard const lock{mutex_};
  if (state_ != State::awaiting) return false;
  state_ = State::dialing;
  return true;
}

void Link::fail_all(std::string const& why, bool for_good) {
  Open calls;
  Open never_sent;
  {
    std::lock_guard const lock{mutex_};
    if (for_good) gone_ = why;
    (state_ == State::up ? calls : never_sent).swap(open_);
    calls.merge(orphans_);
    pending_.clear();
    pending_bytes_ = 0;
    if (state_ != State::up) state_ = State::idle;
  }
  for (auto& [number, request] : never_sent) request.release()->bounce(lost(env_, why, Ran::no));
  end_lost(std::move(calls), why);
}

void Link::give_up(std::string const& why) {
  Open calls;
  {
    std::lock_guard const lock{mutex_};
    calls.swap(orphans_);
  }
  end_lost(std::move(calls), why);
}

void Link::end_lost(Open calls, std::string const& why) const noexcept {
  for (auto& [number, request] : calls) request.release()->bounce(lost(env_, why, Ran::maybe));
}

}  // namespace corps::net
