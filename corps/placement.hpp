#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "corps/address.hpp"

namespace corps {

/// Text name of a Worker, given at creation; need not be unique.
struct Tag {
  explicit Tag(std::string name) : text(std::move(name)) {}
  std::string text;
};

/// Where `create` makes Workers, and what it calls them: `corps::env(1).tagged(corps::Tag("index"))`. With `detached()` each
/// gets a thread of its own, see corps::detached.
template <class Self>
struct Place {
  std::string tag;
  bool own_thread = false;
  Self tagged(Tag name) && {
    tag = std::move(name.text);
    return std::move(static_cast<Self&>(*this));
  }
  Self detached() && {
    own_thread = true;
    return std::move(static_cast<Self&>(*this));
  }
};

struct OneEnv : Place<OneEnv> {
  explicit OneEnv(EnvId where) : id(where) {}
  EnvId id;
};
struct PerEnv : Place<PerEnv> {
  explicit PerEnv(std::uint32_t how_many) : count(how_many) {}
  std::uint32_t count;
};
struct Anywhere : Place<Anywhere> {
  explicit Anywhere(std::uint32_t how_many) : count(how_many) {}
  std::uint32_t count;
};

/// One Worker in the given Env.
inline OneEnv env(EnvId id) { return OneEnv{id}; }
/// One Worker in the Env of whoever asks.
OneEnv here();

/// One Worker in the Env of whoever asks, with a thread of its own: `corps::create<Camera>(corps::detached, args...)`. For one
/// that blocks or computes most of the time. All its code runs on that thread, which bears the name of the class, begins and ends
/// with the Worker, and is joined at the end of the Env, within `limits.stop`. Everything else is promised as ever. It may block,
/// in get() and otherwise, without a spare thread. A call to it costs a wake-up (5 to 30 us) when it sleeps, and so does its
/// answer: the others are faster for all that is short. Past `limits.detached_threads` in an Env the creation ends with
/// Overloaded.
struct Detached {
  operator OneEnv() const { return here().detached(); }  // NOLINT: it is said as a place
  OneEnv tagged(Tag name) const { return here().detached().tagged(std::move(name)); }
};
inline constexpr Detached detached{};

/// `count` Workers in every Env that is up.
inline PerEnv per_env(std::uint32_t count) { return PerEnv{count}; }
/// `count` Workers, spread evenly over the Envs that are up.
inline Anywhere anywhere(std::uint32_t count) { return Anywhere{count}; }

}  // namespace corps
