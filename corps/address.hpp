#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corps {

/// Number of a process within its Corps. 0 is the first.
using EnvId = std::uint32_t;

/// Identity of a Worker within its Env, never given to another Worker: the epoch of the Env in the high bits (an Env
/// that was started again counts one up), then how often the place was used, then the place.
enum class ConcId : std::uint64_t { none = 0 };

/// Ids that mean the same in every Env.
inline constexpr ConcId env_mgr_id{1};      // whoever runs an Env: creations go there
inline constexpr ConcId corps_front_id{2};  // in Env 0: the Conc that fronts the Corps

/// EnvIds from here on are no Envs of this Corps: each stands for an Env of another one, in this process alone.
inline constexpr EnvId ext_env_first = EnvId{1} << 31U;

/// Logical address of a Worker inside its Corps; or, in this process alone, of one of another Corps: see ExtAddr. An address, not
/// a permission.
struct ConcAddr {
  EnvId env = 0;
  ConcId conc = ConcId::none;

  friend bool operator==(ConcAddr const&, ConcAddr const&) = default;
  friend auto operator<=>(ConcAddr const&, ConcAddr const&) = default;

  static constexpr std::string_view corps_wire = "{u32,u64}";
  /// The fewest bytes it takes in a message.
  static constexpr std::size_t packed_bytes = sizeof(EnvId) + sizeof(ConcId);
  template <class Archive>
  void save(Archive& out) const {
    if constexpr (requires { out.put_address(*this); })
      out.put_address(*this);
    else
      out(env, conc);
  }
  template <class Archive>
  void load(Archive& in) {
    if constexpr (requires { in.take_address(); })
      *this = in.take_address();
    else
      in(env, conc);
  }
};

/// The Worker is one of another Corps.
constexpr bool is_external(ConcAddr address) noexcept { return address.env >= ext_env_first; }

/// As people read it: "env 3, conc 17.2" (place and use; the epoch is left out); of another Corps with that in front.
std::string to_string(ConcAddr address);

/// Identity of a Corps: random, and another one each time it is booted.
struct CorpsId {
  std::array<std::byte, 16> bytes{};

  friend bool operator==(CorpsId const&, CorpsId const&) = default;
  friend auto operator<=>(CorpsId const&, CorpsId const&) = default;
};

/// 32 hexadecimal digits, as in the name of a Corps' sockets.
std::string to_string(CorpsId const& corps);

/// Address of a Worker across Corps: what a Name becomes when it is packed for another Corps.
struct ExtAddr {
  CorpsId corps;
  EnvId env = 0;  // in that Corps; its epoch is in the ConcId
  ConcId conc = ConcId::none;
  std::vector<std::string> endpoints;  // where that Corps was last seen: "tls:192.0.2.1:4711"; a hint, which proves nothing

  static constexpr std::size_t endpoints_max = 4;
  static constexpr std::size_t endpoint_bytes_max = 255;

  friend bool operator==(ExtAddr const&, ExtAddr const&) = default;
};

/// The same Worker, as other Corps know it. Threads: any.
ExtAddr ext_addr(ConcAddr address);

/// The same Worker, as this process knows it: an address of this Corps has come home. An Env of another Corps keeps its number
/// until the process ends. Fails with Overloaded for one more than `limits.ext_envs`, with DecodeError for what no Corps says.
/// Threads: any.
ConcAddr conc_addr(ExtAddr const& address);

}  // namespace corps
