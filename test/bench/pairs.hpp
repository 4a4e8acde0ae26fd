#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "test/bench/links.hpp"

namespace bench {

/// The rows of links of a peer whose two processes are a Pair: made with both ends ready; `send(text)` begins a call, `receive()`
/// waits for an answer.
template <class Pair>
struct PairRows {
  /// Nanoseconds for each call.
  static double measure(std::uint64_t in_flight, std::size_t bytes) {
    Pair pair;
    std::string const text(bytes, 'x');
    return ns_each(std::max<std::uint64_t>(in_flight, 100), [&](std::uint64_t n) {
      for (std::uint64_t i = 0; i < n; ++i) {
        if (i >= in_flight) pair.receive();
        pair.send(text);
      }
      for (auto left = std::min(n, in_flight); left > 0; --left) pair.receive();
    });
  }

  static void round_trip() { report(running, measure(1, small_bytes)); }

  static void round_trip_quiet() {
    Pair pair;
    std::string const text(small_bytes, 'x');
    QuietTimes times{};
    pair.send(text);
    pair.receive();
    for (auto& time : times) {
      std::this_thread::sleep_for(quiet);
      auto const begin_ns = now_ns();
      pair.send(text);
      pair.receive();
      time = now_ns() - begin_ns;
    }
    report(running, median(times));
  }

  static void pipelined_64() { report(running, per_second(measure(calls_in_flight, small_bytes))); }
  static void pipelined_1k() { report(running, per_second(measure(calls_in_flight, medium_bytes))); }
  static void large() { report(running, megabytes_per_second(measure(large_in_flight, large_bytes))); }

  /// Before the row `load`, whose loop is the peer's own.
  static void warm_up(Pair& pair) {
    std::string const text(small_bytes, 'x');
    for (int i = 0; i < 10'000; ++i) {
      pair.send(text);
      pair.receive();
    }
  }

  static int run(int argc, char** argv, void (*load)()) {
    std::array const rows{
        Row{"link-shm-round-trip", &round_trip},
        Row{"link-tcp-round-trip", &round_trip},
        Row{"link-shm-round-trip-quiet", &round_trip_quiet},
        Row{"link-tcp-round-trip-quiet", &round_trip_quiet},
        Row{"link-shm-pipelined-64", &pipelined_64},
        Row{"link-tcp-pipelined-64", &pipelined_64},
        Row{"link-shm-pipelined-1k", &pipelined_1k},
        Row{"link-tcp-pipelined-1k", &pipelined_1k},
        Row{"link-shm-large", &large},
        Row{"link-tcp-large", &large},
        Row{"link-shm-load", load},
        Row{"link-tcp-load", load},
    };
    return run_row(argc, argv, rows, [](Row const& row) { row.run(); });
  }
};

}  // namespace bench
