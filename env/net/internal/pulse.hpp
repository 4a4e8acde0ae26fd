#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace corps::net {

/// How Envs of different hosts notice that the other one is gone without a word: its host, or the way to it.
struct Heartbeats {
  std::chrono::nanoseconds interval = std::chrono::milliseconds{500};  // net.heartbeat
  std::chrono::nanoseconds silence_limit = std::chrono::seconds{3};    // limits.link_silence
  bool to_all = false;                                                 // net.heartbeat_to: on this host as well, over TCP
};

/// Tells when a peer has been silent for too long: after as many beats without a byte of it as the limit has intervals. It counts
/// beats and not time, so that a process that was itself stopped or starved, and whose beats come late, does not blame others.
/// Threads: one at a time.
class Pulse {
 public:
  Pulse(Heartbeats const& settings, std::uint64_t now_ns) noexcept
      : beats_max_((settings.silence_limit + settings.interval - std::chrono::nanoseconds{1}) / settings.interval),
        heard_ns_(now_ns) {}

  /// The last beat at which something had come, or the beginning.
  std::uint64_t heard_ns() const noexcept { return heard_ns_; }
  /// Something came of the peer, whatever it is.
  void hear() noexcept { heard_ = true; }
  /// An interval has passed. A time: the peer has been silent for that long, which is too long.
  std::optional<std::chrono::nanoseconds> beat(std::uint64_t now_ns) noexcept {
    if (heard_) {
      heard_ = false;
      heard_ns_ = now_ns;
      silent_ = 0;
    } else if (++silent_ >= beats_max_) {
      return std::chrono::nanoseconds(now_ns - heard_ns_);
    }
    return std::nullopt;
  }

 private:
  std::int64_t beats_max_;
  std::int64_t silent_ = 0;  // beats in a row
  std::uint64_t heard_ns_;   // the last beat at which something had come
  bool heard_ = true;        // of the connection that has just been made: its first interval may be a short one
};

}  // namespace corps::net
