#include "env/net/internal/link_seen.hpp"

#include <algorithm>

#include "env/net/internal/link.hpp"
#include "env/net/internal/links.hpp"

namespace corps::net {

static_assert(version_min == version_max, "which version a carrier speaks is not known here");

std::string_view to_string(LinkSeen::State state) noexcept {
  switch (state) {
    case LinkSeen::State::idle: return "idle";
    case LinkSeen::State::dialling: return "dialling";
    case LinkSeen::State::resuming: return "resuming";
    case LinkSeen::State::connected: return "connected";
    case LinkSeen::State::ended: return "ended";
  }
  return "";
}

LinkSeen Link::seen() {
  LinkSeen seen;
  seen.peer.env = env_;
  std::shared_ptr<Carrier> carrier;
  {
    std::lock_guard const lock{mutex_};
    std::lock_guard const session_lock{session_mutex_};
    carrier = carrier_;
    using Seen = LinkSeen::State;
    seen.since_ns = since_ns_;
    if (!gone_.empty()) {
      seen.state = Seen::ended;
    } else if (session_.is_open()) {
      seen.state = Seen::connected;
    } else if (resuming_) {
      seen.state = Seen::resuming;
      seen.since_ns = cut_ns_;
    } else if (state_ != State::idle) {
      seen.state = Seen::dialling;
    }
    seen.gone = gone_;
    seen.restored = restored_;
    seen.restored_ns = restored_ns_;
    seen.open_calls = open_.size();
    seen.sent = {session_.sent(), session_.kept_bytes(), std::min(limits_.in_flight_bytes_max, session_.peer_credit_bytes())};
    seen.received = {session_.received(), session_.unacknowledged_bytes(), limits_.in_flight_bytes_max};
  }
  if (carrier == nullptr) return seen;
  seen.carrier = carrier->seen();
  seen.peer = carrier->peer();
  seen.wire_version = version_max;
  return seen;
}

std::vector<LinkSeen> Links::seen() {
  std::vector<Link*> all;
  {
    std::lock_guard const lock{mutex_};
    for (auto const& [env, way] : links_) all.push_back(way.get());
  }
  std::vector<LinkSeen> seen;
  for (auto* const way : all) {
    auto& link = seen.emplace_back(way->seen());
    Directory::Entry entry;
    if (link.peer.epoch == 0 && directory_.look_up(link.peer.env, entry)) link.peer = entry.peer;
  }
  return seen;
}

}  // namespace corps::net
