#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "corps/address.hpp"
#include "env/net/internal/links.hpp"

namespace corps::mgr {

/// One Env of the Corps, as the others know it.
struct EnvRow {
  EnvId env = 0;
  std::uint32_t epoch = 0;
  std::vector<std::string> endpoints;  // where it can be reached, in the order to try
  bool ready = false;                  // it serves
  std::string gone;                    // how it ended; empty while it lives
};

/// The Envs of the Corps. Env 0 keeps the first copy and sends it to the others whenever it changes.
/// Threads: any.
class EnvTable {
 public:
  void put(EnvRow row);
  /// Takes over what Env 0 says. Returns the Envs that it says are gone and that were not before.
  std::vector<EnvRow> replace(std::vector<EnvRow> rows);
  /// False if it was gone already.
  bool mark_gone(EnvId env, std::string const& how);
  bool mark_ready(EnvId env, std::vector<std::string> endpoints);

  bool look_up(EnvId env, net::Directory::Entry& entry) const;
  std::vector<EnvRow> rows() const;
  std::vector<EnvId> live() const;
  bool is_ready(EnvId env) const;

 private:
  mutable std::mutex mutex_;
  std::map<EnvId, EnvRow> rows_;
};

}  // namespace corps::mgr
