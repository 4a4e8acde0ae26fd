#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"

/// How probes for circles of calls go from Env to Env: what the links know of them. See call_cycle.hpp, docs/internals/wire.md.
namespace corps::mail {

/// A call that came from another Env, as a probe finds it there.
struct ServedCall {
  detail::Request const* call = nullptr;  // null: there is none. To be compared only, for it may have ended
  ConcId by = ConcId::none;
  bool begun = false;
};

/// The number of a probe's frame that follows no call: it goes home.
inline constexpr std::uint64_t probe_goes_home = 0;

/// Carries probes to other Envs.
class ProbeWay {
 public:
  /// Sends the body of a probe's frame, if this is the number of a call that is away in this Env, or probe_goes_home. False: it
  /// was not sent. It may still be lost with its link. Any thread.
  virtual bool send_probe(EnvId to, std::uint64_t number, std::span<std::byte const> body) noexcept = 0;

 protected:
  ~ProbeWay() = default;
};

/// From here on probes go this way; null: none leaves this Env. Returns the one before, which may still be in use until the
/// Workers have stopped.
ProbeWay* set_probe_way(ProbeWay* way) noexcept;

/// A probe came from this Env, after a call of which the number is what the frame begins with. Throws DecodeError for what no Env
/// sends. On the I/O thread.
void probe_came(EnvId from, ServedCall served, Unpacker& in);
/// One came on its way home.
void probe_came_back(Unpacker& in);

}  // namespace corps::mail
