#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace corps {

/// Number of a process within its Corps. 0 is the first.
using EnvId = std::uint32_t;

/// Identity of a Worker within its Env, never given to another Worker: the epoch of the Env in the high bits (an Env
/// that was started again counts one up), then how often the place was used, then the place.
enum class ConcId : std::uint64_t { none = 0 };

/// Ids that mean the same in every Env.
inline constexpr ConcId env_mgr_id{1};      // whoever runs an Env: creations go there
inline constexpr ConcId corps_front_id{2};  // in Env 0: the Conc that fronts the Corps

/// Logical address of a Worker inside its Corps. An address, not a permission.
struct ConcAddr {
  EnvId env = 0;
  ConcId conc = ConcId::none;

  friend bool operator==(ConcAddr const&, ConcAddr const&) = default;
  friend auto operator<=>(ConcAddr const&, ConcAddr const&) = default;
};

/// As people read it: "env 3, conc 17.2" (place and use; the epoch is left out).
std::string to_string(ConcAddr address);

}  // namespace corps
