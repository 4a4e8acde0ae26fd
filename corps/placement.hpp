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

/// Where `create` makes Workers, and what it calls them: `corps::env(1).tagged(corps::Tag("index"))`.
template <class Self>
struct Place {
  std::string tag;
  Self tagged(Tag name) && {
    tag = std::move(name.text);
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
/// `count` Workers in every Env that is up.
inline PerEnv per_env(std::uint32_t count) { return PerEnv{count}; }
/// `count` Workers, spread evenly over the Envs that are up.
inline Anywhere anywhere(std::uint32_t count) { return Anywhere{count}; }

}  // namespace corps
