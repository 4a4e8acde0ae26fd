// What no library can be faster than: two threads that wake each other by futex.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>

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

constexpr std::array rows{
    bench::Row{"blocking-call", &blocking_call},
    bench::Row{"blocking-call-gaps", &blocking_call_gaps},
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run_row(argc, argv, rows, [](bench::Row const& row, std::string const&) { row.run(); });
}
