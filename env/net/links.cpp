#include "env/net/internal/links.hpp"

#include <fmt/format.h>

#include <chrono>

#include "corps/detail/runtime.hpp"
#include "corps/error.hpp"
#include "env/host/internal/log.hpp"

namespace corps::net {
namespace {

/// How long calls of a lost carrier wait for the word how the other Env ended, which only its parent has.
constexpr auto wait_for_cause = std::chrono::milliseconds{50};
/// How long this side waits for a carrier that the peer said it is making.
constexpr auto wait_for_peer = std::chrono::milliseconds{500};

ErrorInfo unknown_env(EnvId env) {
  return {Errc::worker_lost, Ran::no, fmt::format("there is no env {} in this Corps", env), {}, {}};
}

}  // namespace

Links::Links(EnvId self, Directory& directory, LinkLimits limits) : self_(self), directory_(directory), limits_(limits) {}
Links::~Links() = default;

Link& Links::link(EnvId env) {
  std::lock_guard const lock{mutex_};
  auto& link = links_[env];
  if (link == nullptr) link = std::make_unique<Link>(self_, env, limits_);
  return *link;
}

void Links::send(std::unique_ptr<detail::Request> request, EnvId env) noexcept {
  Directory::Entry entry;
  if (!directory_.look_up(env, entry)) return request.release()->bounce(unknown_env(env));
  auto& way = link(env);
  if (way.send(std::move(request))) dial(way);
}

bool Links::send_control(EnvId env, std::span<std::byte const> bytes) { return link(env).send_control(bytes); }

void Links::connect(EnvId env) {
  auto& way = link(env);
  if (way.wants_carrier()) dial(way);
}

void Links::env_ended(EnvId env, std::string const& how) { link(env).fail_all(how, true); }

void Links::dial(Link& way) {
  Directory::Entry entry;
  if (!directory_.look_up(way.env(), entry)) return way.fail_all("no such Env is known", false);
  if (!entry.gone.empty()) return way.fail_all(entry.gone, true);
  network_->dial(entry.peer, entry.endpoints);
}

bool Links::admit(Peer const& peer) {
  Directory::Entry entry;
  if (!directory_.look_up(peer.env, entry) || entry.peer != peer || !entry.gone.empty()) return false;
  return link(peer.env).admits_carrier_of_peer();
}

void Links::on_open(std::shared_ptr<Connection> connection, bool) {
  auto const peer = connection->peer();
  auto& way = link(peer.env);
  connection->set_user_data(reinterpret_cast<std::uintptr_t>(&way));
  way.carrier_up(std::move(connection));
  directory_.on_link(peer, true);
}

void Links::on_frame(Connection& connection, FrameKind kind, std::span<std::byte const> payload) {
  auto& way = *reinterpret_cast<Link*>(connection.user_data());
  try {
    switch (kind) {
      case FrameKind::request: return way.on_request(payload);
      case FrameKind::answer: return way.on_answer(payload);
      case FrameKind::error: return way.on_error(payload);
      case FrameKind::control: return directory_.on_control(connection.peer(), payload);
      default: return connection.close("frame of a kind that has no meaning here");
    }
  } catch (Error const& error) {
    connection.close(fmt::format("bytes that no Env sends: {}", error.text()));
  } catch (std::exception const& error) {
    connection.close(fmt::format("a frame could not be taken: {}", error.what()));
  }
}

void Links::on_closed(Connection& connection, std::string_view reason) {
  auto const peer = connection.peer();
  auto& way = *reinterpret_cast<Link*>(connection.user_data());
  if (!way.carrier_down(connection, reason)) return;
  network_->after(wait_for_cause, [this, env = peer.env, why = fmt::format("connection lost: {}", reason)] { link(env).give_up(why); });
  directory_.on_link(peer, false);
}

void Links::on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) {
  auto& way = link(expected.env);
  if (!refused_as_duplicate) return way.fail_all(fmt::format("it cannot be reached: {}", reason), false);
  way.await_peer();
  network_->after(wait_for_peer, [this, env = expected.env] { dial_again_unless_peer_does(env); });
}

void Links::dial_again_unless_peer_does(EnvId env) {
  auto& way = link(env);
  if (way.awaits_peer()) dial(way);
}

}  // namespace corps::net
