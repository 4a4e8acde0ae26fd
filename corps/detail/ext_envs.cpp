#include "corps/detail/ext_envs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "corps/detail/runtime.hpp"

namespace corps {
namespace {

constexpr std::string_view remedy = "the message is damaged, or its sender was built from another version of Corps";

struct ExtEnv {
  CorpsId corps;
  EnvId env = 0;
  std::vector<std::string> endpoints;
};

struct Table {
  std::mutex mutex;
  CorpsId own;
  std::vector<std::string> own_endpoints;
  std::deque<ExtEnv> envs;  // the first is that of ext_env_first; they stay where they are
  std::map<std::pair<CorpsId, EnvId>, EnvId> numbers;

  ExtEnv const* at(EnvId env) const {
    return is_external({env, ConcId::none}) && env - ext_env_first < envs.size() ? &envs[env - ext_env_first] : nullptr;
  }
};

Table& table() {
  static Table the_table;
  return the_table;
}

bool is_endpoint(std::string const& text) {
  return !text.empty() && text.size() <= ExtAddr::endpoint_bytes_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

/// Throws unless a Corps may have said it.
void check(ExtAddr const& address) {
  auto const wrong = [](std::string_view what) {
    throw DecodeError(fmt::format("an address of another Corps {}; {}", what, remedy));
  };
  if (address.corps == CorpsId{}) wrong("names no Corps");
  if (address.env >= ext_env_first) wrong(fmt::format("is in env {}, and no Corps has as many", address.env));
  if (address.conc == ConcId::none) wrong("is one of nobody");
  if (address.endpoints.size() > ExtAddr::endpoints_max) wrong(fmt::format("has {} endpoints", address.endpoints.size()));
  if (!std::ranges::all_of(address.endpoints, is_endpoint)) wrong("has an endpoint that is no text");
}

}  // namespace

ExtAddr ext_addr(ConcAddr address) {
  auto& known = table();
  std::lock_guard const lock{known.mutex};
  if (!is_external(address)) return {known.own, address.env, address.conc, known.own_endpoints};
  auto const* const ext = known.at(address.env);
  return ext == nullptr ? ExtAddr{{}, address.env, address.conc, {}}
                        : ExtAddr{ext->corps, ext->env, address.conc, ext->endpoints};
}

ConcAddr conc_addr(ExtAddr const& address) {
  check(address);
  auto& known = table();
  std::lock_guard const lock{known.mutex};
  if (address.corps == known.own) return {address.env, address.conc};
  auto const found = known.numbers.find({address.corps, address.env});
  if (found != known.numbers.end()) {
    if (!address.endpoints.empty()) known.envs[found->second - ext_env_first].endpoints = address.endpoints;
    return {found->second, address.conc};
  }
  if (known.envs.size() >= detail::env_facts.ext_envs_max)
    throw Overloaded(
        fmt::format("Names of Workers in {} Envs of other Corps came here, the most that may, and one of corps {} is "
                    "too many; raise limits.ext_envs, or restart this Env, which forgets them",
                    known.envs.size(), to_string(address.corps)));
  auto const number = static_cast<EnvId>(ext_env_first + known.envs.size());
  known.envs.push_back({address.corps, address.env, address.endpoints});
  known.numbers.emplace(std::pair{address.corps, address.env}, number);
  return {number, address.conc};
}

namespace detail {

void set_own_corps(CorpsId const& corps, std::vector<std::string> endpoints) {
  auto& known = table();
  std::erase_if(endpoints, [](std::string const& text) { return text.starts_with("unix:") || !is_endpoint(text); });
  if (endpoints.size() > ExtAddr::endpoints_max) endpoints.resize(ExtAddr::endpoints_max);
  std::lock_guard const lock{known.mutex};
  known.own = corps;
  known.own_endpoints = std::move(endpoints);
}

CorpsId const* ext_corps(EnvId env) noexcept {
  auto& known = table();
  std::lock_guard const lock{known.mutex};
  auto const* const ext = known.at(env);
  return ext == nullptr ? nullptr : &ext->corps;
}

ErrorInfo no_link_to_corps(EnvId env) {
  auto const ext = ext_addr({env, ConcId::none});
  return {
      Errc::refused,
      Ran::no,
      fmt::format("this Corps has no link to corps {}{}{}, to which the Worker belongs; hand its Name to a Worker of that Corps, "
                  "which can call it",
                  to_string(ext.corps), ext.endpoints.empty() ? "" : ", last seen at ", fmt::join(ext.endpoints, " ")),
      {},
      {}};
}

}  // namespace detail
}  // namespace corps
