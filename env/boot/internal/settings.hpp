#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace corps::startup {

/// What the other Envs do when Env 0 is gone.
enum class WithoutEnv0 : std::uint8_t { exit, serve };

/// Which carrier a link may use; `automatic` takes the best one the peer can be reached with.
enum class CarrierChoice : std::uint8_t { automatic, shared_memory, unix_socket, tcp };

/// To whom heartbeats are sent.
enum class HeartbeatTo : std::uint8_t { hosts, all };

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

// Every field below is one key of the table in keys.cpp: `settings.limits.frame` is "limits.frame". The initialisers are the
// built-in defaults. All types stay plain aggregates of strings, integers, enums and durations: Settings travel to the other
// Envs.

struct CorpsSettings {
  std::string tag = "corps";
  std::string program;
  std::uint32_t envs = 1;
  WithoutEnv0 without_env0 = WithoutEnv0::exit;
};

struct EnvSettings {
  std::uint32_t threads = 0;  // 0: auto, see worker_threads()
};

struct LimitSettings {
  std::chrono::nanoseconds request_timeout = std::chrono::seconds{60};
  std::uint64_t mailbox = 100'000;
  std::uint64_t mailbox_bytes = std::uint64_t{64} << 20;
  std::uint64_t open_calls_per_worker = 10'000;
  std::uint64_t in_flight_per_link = std::uint64_t{64} << 20;
  std::uint64_t frame = std::uint64_t{256} << 10;
  std::uint64_t message = std::uint64_t{256} << 20;
  std::chrono::nanoseconds link_silence = std::chrono::seconds{3};
  std::chrono::nanoseconds link_resume = std::chrono::seconds{10};
  std::uint32_t retries = 3;
  std::chrono::nanoseconds handshake = std::chrono::seconds{1};
  std::chrono::nanoseconds create_timeout = std::chrono::seconds{30};
  std::chrono::nanoseconds boot = std::chrono::seconds{10};
  std::chrono::nanoseconds stop = std::chrono::seconds{5};
  std::uint32_t spare_threads = 64;
  std::uint32_t detached_threads = 64;
  std::uint32_t descriptor_waits = 1'000;
  std::uint32_t timers = 4'000'000;
  std::uint32_t ext_envs = 10'000;
};

struct NetSettings {
  std::string listen;  // "host:port" with a numeric host, or empty; see parse_endpoint()
  CarrierChoice carrier = CarrierChoice::automatic;
  std::chrono::nanoseconds spin = std::chrono::microseconds{50};
  std::chrono::nanoseconds heartbeat = std::chrono::milliseconds{500};
  HeartbeatTo heartbeat_to = HeartbeatTo::hosts;
  // Absolute paths: all three are set, and then every link over TCP is one over TLS, or none is.
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
};

struct LogSettings {
  LogLevel level = LogLevel::info;
  std::string file;  // empty: stderr
};

/// A host of the Corps, or what is taken for one: a network namespace.
struct HostSettings {
  std::string name;
  std::vector<std::string> launch;     // before the command line of each of its Envs; none: the host of Env 0
  std::vector<std::string> addresses;  // numeric, or names
  std::uint32_t envs = 1;
};

/// The whole configuration of the runtime, checked: a Settings made by load() holds only values in their ranges.
struct Settings {
  CorpsSettings corps;
  EnvSettings env;
  LimitSettings limits;
  NetSettings net;
  LogSettings log;
  std::vector<HostSettings> hosts;  // none: all Envs are on this one. Envs are numbered host by host; Env 0 is on the first
};

/// The host of an Env: its place in `hosts`; 0 if there are none.
std::size_t host_of(Settings const& settings, std::uint32_t env) noexcept;

/// Threads that run Workers in each Env of this host: what is set, or max(1, cores / Envs on this host).
std::uint32_t worker_threads(Settings const& settings, std::uint32_t cores, std::uint32_t envs_on_host) noexcept;

}  // namespace corps::startup
