#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/host/internal/thread.hpp"
#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// Finds the addresses of host names. The system's way to do it blocks: it has threads of its own ("corps names"), each made when
/// a name is asked for and those there are look up others: a name that nobody answers for holds up the others only if there are
/// `threads_max` of its kind.
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
  static constexpr std::size_t threads_max = 4;  // further names wait for one of them

  /// No `lookup`: as the system says (getaddrinfo).
  explicit Resolver(Reactor& reactor, Lookup lookup = {}, host::StartThread start_thread = host::start_thread);
  ~Resolver();
  Resolver(Resolver const&) = delete;
  Resolver& operator=(Resolver const&) = delete;

  /// Calls `done` once on the reactor's thread, as long as the ticket is held. Where no thread can be started, with an error.
  [[nodiscard]] Ticket look_up(std::string host, Done done);

 private:
  struct State;
  void add_worker();
  std::shared_ptr<State> state_;  // shared with the thread
};

}  // namespace corps::net
