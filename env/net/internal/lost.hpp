#pragma once

#include <fmt/format.h>

#include <string>

#include "corps/address.hpp"
#include "corps/error.hpp"

namespace corps::net {

/// How a call ends whose Env cannot be reached any more.
inline ErrorInfo lost_error(EnvId env, std::string const& why, Ran ran) {
  return {Errc::worker_lost, ran, fmt::format("env {} is lost: {}", env, why), {}, {}};
}

}  // namespace corps::net
