#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "env/host/internal/clock.hpp"
#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/endpoint.hpp"
#include "env/net/internal/reactor.hpp"
#include "env/net/internal/resolver.hpp"

namespace corps::net {

/// The order in which endpoints are tried: those of this host first, then IPv6 and IPv4 by turns, beginning with the family that
/// stands first; else as they stood.
std::vector<Endpoint> in_order_to_try(std::vector<Endpoint> endpoints);

/// Connects to one of several endpoints (RFC 8305, "happy eyeballs"): begins with the first, with the next one when that has
/// failed or has not answered for a moment, and takes the first that is connected. Names are looked up meanwhile.
/// Threads: the reactor's. Once destroyed it calls nobody; destroying it in a call of its own is allowed.
class Dialer {
 public:
  class Owner {
   public:
    /// One is connected; the others are given up, until go_on().
    virtual void on_connected(Dialer& dialer, Endpoint const& endpoint, host::UniqueFd fd) = 0;
    /// None is left; reasons() says why.
    virtual void on_exhausted(Dialer& dialer) = 0;

   protected:
    ~Owner() = default;
  };

  /// `limit`: of one attempt, and of looking up names.
  Dialer(Reactor& reactor, Resolver& resolver, Owner& owner, host::Clock& clock, std::chrono::nanoseconds limit, bool has_tls);

  /// Once. May call the owner before it returns.
  void start(std::vector<Endpoint> endpoints);
  /// The connection that was made is of no use, as `why` says: the others are tried. May call the owner before it returns.
  void go_on(std::string const& why);
  /// Each endpoint that was tried, and what became of it.
  std::string const& reasons() const noexcept { return reasons_; }

 private:
  struct Attempt {
    Attempt(Reactor& reactor, Endpoint to) : endpoint(std::move(to)), limit(reactor) {}
    Endpoint endpoint;
    std::optional<Descriptor> descriptor;
    Timer limit;
  };
  using Attempts = std::list<Attempt>;
  struct Name {
    Endpoint endpoint;
    Resolver::Ticket ticket;
  };
  using Names = std::list<Name>;

  void look_up(Endpoint endpoint);
  void on_addresses(Names::iterator name, Resolver::Answer const& answer);
  void give_up_names();
  void try_next();
  void add_attempt(Endpoint endpoint, host::UniqueFd fd);
  void on_writable(Attempts::iterator attempt);
  void fail(Attempts::iterator attempt, std::string const& why);
  void win(Endpoint endpoint, host::UniqueFd fd);
  void note(Endpoint const& endpoint, std::string const& why);

  Reactor& reactor_;
  Resolver& resolver_;
  Owner& owner_;
  host::Clock& clock_;
  std::chrono::nanoseconds limit_;
  bool has_tls_;
  std::uint64_t began_ns_ = 0;
  std::string reasons_;

  Names names_;  // that are looked up
  Timer names_limit_;
  std::deque<Endpoint> waiting_;
  Attempts attempts_;
  Timer next_;  // when the next one is tried in any case
  std::optional<Endpoint> connected_;
};

}  // namespace corps::net
