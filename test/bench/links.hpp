#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <system_error>

#include "test/bench/measure.hpp"

/// What the C++ programs share for the rows of links: calls between two processes of this host, one thread in each for Workers.
namespace bench {

// The same in erlang/links.erl.
inline constexpr std::size_t small_bytes = 64;
inline constexpr std::size_t medium_bytes = 1024;
inline constexpr std::size_t large_bytes = std::size_t{1} << 20U;
inline constexpr std::uint64_t calls_in_flight = 1'000;  // of the rows of pipelined calls
inline constexpr std::uint64_t large_in_flight = 8;      // enough that both sides always have one to work at
inline constexpr std::size_t quiet_calls = 41;           // each after `quiet`
inline constexpr std::chrono::milliseconds quiet{20};
using QuietTimes = std::array<std::int64_t, quiet_calls>;

/// Whether the row that is measured wants TCP over the loopback, and not the fastest that a side has within a host.
inline bool over_tcp() { return running.starts_with("link-tcp-"); }

/// How long the floor looks for what comes before it sleeps: as ours do (net.spin), which find out by themselves where it pays.
inline std::int64_t looks_ns() { return running.ends_with("-round-trip") ? 50'000 : 0; }

/// A name for a socket within this host that is in no file system and that no other run has.
inline std::string own_socket_name() { return "corps-bench-" + std::to_string(getpid()); }

/// Megabytes per second, of what takes so long for each large argument.
inline double megabytes_per_second(double ns_each) { return 1e3 * static_cast<double>(large_bytes) / ns_each; }

/// The other process of a row, which serves until this one has measured. Made while this process has but one thread.
class OtherProcess {
 public:
  /// `serve(ready)` runs in the other process; it calls `ready(port)` once it can be called (without a port: 0), and does not
  /// return before it is killed.
  template <class Serve>
  explicit OtherProcess(Serve&& serve) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
    process_ = ::fork();
    if (process_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (process_ == 0) {
      ::close(ends[0]);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      try {
        serve([&](std::uint16_t port) { expect(::write(ends[1], &port, sizeof(port)) == sizeof(port), "nobody measures"); });
      } catch (std::exception const& error) {
        std::fprintf(stderr, "the process that serves: %s\n", error.what());
      }
      std::_Exit(1);
    }
    ::close(ends[1]);
    auto const got = ::read(ends[0], &port_, sizeof(port_));
    ::close(ends[0]);
    if (got == sizeof(port_)) return;
    end();
    expect(false, "the process that serves did not begin to");
  }
  ~OtherProcess() { end(); }
  OtherProcess(OtherProcess const&) = delete;
  OtherProcess& operator=(OtherProcess const&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void end() const {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace bench
