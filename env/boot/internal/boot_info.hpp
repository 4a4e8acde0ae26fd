#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corps/config.hpp"
#include "env/boot/internal/settings.hpp"
#include "env/net/internal/identity.hpp"

namespace corps::startup {

/// What Env 0 tells a process that it starts as another Env, through the one inherited descriptor.
struct BootInfo {
  Settings settings;
  Config config;
  net::Identity identity;
  std::int32_t env0_pid = 0;
  std::uint32_t env0_epoch = 0;
  std::vector<std::string> env0_endpoints;
  std::uint32_t threads = 1;
};

/// The argument that says that a process was started as another Env; its number follows, for whoever reads `ps`.
inline constexpr char const* env_marker = "--corps-env";

}  // namespace corps::startup
