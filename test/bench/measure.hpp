#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <semaphore>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

/// What the C++ programs of the benchmarks share, so that each row is measured in the same way: ours, CAF's and the floor's.
/// The Erlang ones do the same in erlang/bench.erl.
namespace bench {

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The line that run.py reads.
inline void report(std::string_view row, double value) {
  std::printf("%.*s %.6g\n", static_cast<int>(row.size()), row.data(), value);
  std::fflush(stdout);
}

/// A wrong answer is no result.
inline void expect(bool holds, char const* what) {
  if (!holds) throw std::logic_error{what};
}

/// `run(n)` does n operations and returns when the last has ended. Warms up, and finds how many operations take long enough;
/// then that many are measured once. Returns nanoseconds for each.
template <class Run>
double ns_each(std::uint64_t first, Run&& run) {
  constexpr double warm_up_ns = 80e6;
  constexpr double measured_ns = 300e6;
  auto const time = [&](std::uint64_t n) {
    auto const begin_ns = now_ns();
    run(n);
    return static_cast<double>(now_ns() - begin_ns);
  };
  auto n = first;
  auto took_ns = time(n);
  while (took_ns < warm_up_ns) took_ns = time(n *= 2);
  auto const scaled = static_cast<double>(n) * measured_ns / took_ns;
  n = scaled < static_cast<double>(first) ? first : static_cast<std::uint64_t>(scaled);
  return time(n) / static_cast<double>(n);
}
/// The same for what is done as a whole, as often as it takes. Returns nanoseconds for each time.
template <class Round>
double ns_each_round(Round&& round) {
  return ns_each(1, [&](std::uint64_t rounds) {
    for (; rounds > 0; --rounds) round();
  });
}
inline double per_second(double ns_each) { return 1e9 / ns_each; }

template <std::size_t count>
double median(std::array<std::int64_t, count> values) {
  std::sort(values.begin(), values.end());
  return static_cast<double>(values[count / 2]);
}

/// The median time of a few operations, with a gap before each in which everything falls asleep.
template <class Operation>
double median_ns_with_gaps(Operation&& operation) {
  constexpr std::chrono::milliseconds gap{100};
  std::array<std::int64_t, 11> took_ns{};
  operation();
  for (auto& took : took_ns) {
    std::this_thread::sleep_for(gap);
    auto const begin_ns = now_ns();
    operation();
    took = now_ns() - begin_ns;
  }
  return median(took_ns);
}

/// A small random number generator that every language here does in a few instructions: no product has more than 56 bits.
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  std::uint32_t below(std::uint32_t limit) {
    state_ = (state_ * 22'695'477U + 1U) & 0x7fff'ffffU;
    return (state_ >> 8U) % limit;
  }

 private:
  std::uint32_t state_;
};

/// Work that keeps a core busy: so many rounds of the generator.
inline std::uint32_t compute(std::uint64_t rounds) {
  auto state = static_cast<std::uint32_t>(rounds);
  for (; rounds > 0; --rounds) state = (state * 22'695'477U + 1U) & 0x7fff'ffffU;
  return state;
}

/// Keeps a core busy for so long.
inline void compute_for(std::chrono::nanoseconds how_long) {
  auto const end_ns = now_ns() + how_long.count();
  while (now_ns() < end_ns) {
  }
}

/// How many rounds take this long on one core of this machine.
inline std::uint64_t rounds_of(double wanted_ns) {
  constexpr std::uint64_t sample = 1'000'000;
  double best_ns = 1e18;
  std::uint32_t sum = 0;
  for (int i = 0; i < 20; ++i) {
    auto const begin_ns = now_ns();
    sum ^= compute(sample + static_cast<std::uint64_t>(sum & 1U));
    auto const took_ns = static_cast<double>(now_ns() - begin_ns);
    if (took_ns < best_ns) best_ns = took_ns;
  }
  expect(sum != 1, "the generator is wrong");  // also keeps the compiler from leaving it out
  return static_cast<std::uint64_t>(static_cast<double>(sample) * wanted_ns / best_ns);
}

/// Resident memory of this process.
inline double resident_bytes() {
  unsigned long pages = 0;
  unsigned long resident = 0;
  if (auto* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  expect(resident != 0, "/proc/self/statm cannot be read");
  return static_cast<double>(resident) * 4096;
}

/// Where the main thread waits for something that is not the answer to a call.
inline std::binary_semaphore done{0};

/// Counts objects of a class that have been destroyed; `done` once there are as many as were expected.
inline std::atomic<std::uint64_t> left_alive{0};
inline void one_destroyed() {
  if (left_alive.fetch_sub(1, std::memory_order_acq_rel) == 1) done.release();
}

// How large the rows of fixed size are, in every language.
inline constexpr std::uint64_t burst = 500;  // messages that a sender sends before it asks for the sum
inline constexpr std::uint32_t ring_nodes = 100;
inline constexpr std::uint32_t fork_parents = 10;
inline constexpr std::uint32_t fork_children = 10'000;    // of each parent
inline constexpr std::uint64_t stream_items = 1'000'000;  // at least
inline constexpr std::uint32_t idle_count = 1'000'000;

inline constexpr std::uint32_t big_concs = 120;
inline constexpr std::uint32_t chameneos = 100;
inline constexpr std::uint32_t fan_out = 1'000;
inline constexpr std::uint32_t busy_concs = 64;
inline constexpr double busy_ns = 100e3;                   // what one busy method computes
inline constexpr std::chrono::milliseconds computes{300};  // what goes on in start-delay while another should start

/// Two that meet: each takes the colour that neither has, or keeps the one that both have.
inline std::uint8_t meet(std::uint8_t mine, std::uint8_t others) {
  return mine == others ? mine : static_cast<std::uint8_t>(3 - mine - others);
}

/// How many threads the row is measured with, and which row it is.
inline unsigned threads = 1;
inline std::string_view running;
inline double calls_per_second = 0;  // only for a row that is measured at a given rate

/// What is measured together, under the name of one of its rows.
struct Row {
  std::string_view name;
  void (*run)();
};

/// The rest of a `main`: finds the row that the first argument names and hands it to `with`.
template <class With>
int run_row(int argc, char** argv, std::span<Row const> rows, With&& with) {
  if (argc == 3 || argc == 4)
    for (auto const& row : rows)
      if (row.name == argv[1]) {
        try {
          threads = static_cast<unsigned>(std::stoul(argv[2]));
          running = row.name;
          if (argc == 4) calls_per_second = std::stod(argv[3]);
          with(row);
          return 0;
        } catch (std::exception const& error) {
          std::fprintf(stderr, "%s: %s\n", argv[1], error.what());
          return 1;
        }
      }
  std::fprintf(stderr, "usage: %s ROW THREADS [CALLS_PER_SECOND]; no such row here\n", argv[0]);
  return 2;
}

}  // namespace bench
