// What no library can be faster than: threads and futexes without any library.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "test/bench/floor/links.hpp"
#include "test/bench/measure.hpp"

namespace {

class Futex {
 public:
  /// Returns what comes after `old`.
  std::uint32_t wait(std::uint32_t old) noexcept {
    for (;;) {
      auto const seen = word_.load(std::memory_order_acquire);
      if (seen != old) return seen;
      syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word_), FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
    }
  }
  void set(std::uint32_t value) noexcept {
    word_.store(value, std::memory_order_release);
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

/// A thread that answers each question with the same number.
class Answerer {
 public:
  ~Answerer() {
    question_.set(end);
    thread_.join();
  }
  void ask() {
    question_.set(number_ + 1);
    number_ = answer_.wait(number_);
  }

 private:
  void run() {
    for (std::uint32_t number = question_.wait(0); number != end; number = question_.wait(number)) answer_.set(number);
  }
  static constexpr std::uint32_t end = ~std::uint32_t{0};
  Futex question_;
  Futex answer_;
  std::uint32_t number_ = 0;
  std::thread thread_{[this] { run(); }};
};

void blocking_call() {
  Answerer answerer;
  bench::report("blocking-call", bench::ns_each(1'000, [&](std::uint64_t n) {
                  for (; n > 0; --n) answerer.ask();
                }));
}

void blocking_call_gaps() {
  Answerer answerer;
  bench::report("blocking-call-gaps", bench::median_ns_with_gaps([&] { answerer.ask(); }));
}

/// Threads that take what is left to do from one counter.
void fan_out_busy() {
  auto const rounds = bench::rounds_of(bench::busy_ns);
  bench::report("fan-out-busy", bench::ns_each(bench::busy_concs, [&](std::uint64_t n) {
                  std::atomic<std::uint64_t> taken{0};
                  std::atomic<std::uint32_t> sum{0};
                  auto const work = [&] {
                    while (taken.fetch_add(1) < n) sum += bench::compute(rounds);
                  };
                  std::vector<std::jthread> others;
                  for (unsigned i = 1; i < bench::threads; ++i) others.emplace_back(work);
                  work();
                }));
}

/// A sleeping thread is woken while this one goes on.
void start_delay() {
  std::array<std::int64_t, 3> delays{};
  for (auto& delay : delays) {
    Futex start;
    std::int64_t started_ns = 0;
    std::jthread late{[&] {
      start.wait(0);
      started_ns = bench::now_ns();
    }};
    std::this_thread::sleep_for(bench::computes);
    auto const begin_ns = bench::now_ns();
    start.set(1);
    bench::compute_for(bench::computes);
    late.join();
    delay = started_ns - begin_ns;
  }
  bench::report("start-delay", bench::median(delays));
}

constexpr std::array rows{
    bench::Row{"blocking-call", &blocking_call},
    bench::Row{"blocking-call-gaps", &blocking_call_gaps},
    bench::Row{"fan-out-busy", &fan_out_busy},
    bench::Row{"start-delay", &start_delay},
    bench::Row{"link-shm-round-trip", &floor_bench::link_round_trip},
    bench::Row{"link-tcp-round-trip", &floor_bench::link_round_trip},
    bench::Row{"link-shm-round-trip-asleep", &floor_bench::link_round_trip},
    bench::Row{"link-tcp-round-trip-asleep", &floor_bench::link_round_trip},
    bench::Row{"link-shm-round-trip-quiet", &floor_bench::link_round_trip_quiet},
    bench::Row{"link-tcp-round-trip-quiet", &floor_bench::link_round_trip_quiet},
    bench::Row{"link-shm-large", &floor_bench::link_large},
    bench::Row{"link-tcp-large", &floor_bench::link_large},
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row) { row.run(); });
}
