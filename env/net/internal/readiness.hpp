#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// Waits for single readinesses of descriptors, known by a number. Threads: the reactor's.
class Readiness {
 public:
  /// Why it could not be waited for; empty: the descriptor is ready.
  using Done = std::function<void(std::string const& error)>;

  explicit Readiness(Reactor& reactor) : reactor_(reactor) {}

  /// Calls `done` once when the descriptor, which is closed then, can be read or written, or has an error.
  void add(std::uint64_t number, host::UniqueFd fd, bool to_write, Done done);
  /// `done` is not called any more. Does nothing if it was.
  void forget(std::uint64_t number) noexcept { waits_.erase(number); }
  void clear() noexcept { waits_.clear(); }

 private:
  struct Wait {
    std::optional<Descriptor> descriptor;
    Done done;
  };
  void end(std::uint64_t number, std::string const& error);

  Reactor& reactor_;
  std::unordered_map<std::uint64_t, Wait> waits_;
};

}  // namespace corps::net
