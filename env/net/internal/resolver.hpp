#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// Finds the addresses of host names. The system's way to do it blocks: it has a thread of its own ("corps names"), made when the
/// first name is asked for.
/// Threads: the reactor's. Ownership: a lookup that is under way at the end is left to itself, and nobody hears of it.
class Resolver {
 public:
  struct Answer {
    std::vector<std::string> addresses;  // numeric, as they stand in an endpoint; in the order to try
    std::string error;                   // why there are none
  };
  /// Called on the thread of the resolver; may block.
  using Lookup = std::function<Answer(std::string const& host)>;
  using Done = std::function<void(Answer const& answer)>;
  /// Whoever drops it does not want the answer any more.
  using Ticket = std::shared_ptr<Done>;

  /// No `lookup`: as the system says (getaddrinfo).
  explicit Resolver(Reactor& reactor, Lookup lookup = {});
  ~Resolver();
  Resolver(Resolver const&) = delete;
  Resolver& operator=(Resolver const&) = delete;

  /// Calls `done` once on the reactor's thread, as long as the ticket is held. One name after the other.
  [[nodiscard]] Ticket look_up(std::string host, Done done);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread
};

}  // namespace corps::net
