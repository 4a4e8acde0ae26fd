// One Conc is told a great many times while it waits in a blocking get(), and others go on with their work.
// Arguments: who tells, `conc` or `thread`; how many times a round; seconds that the polite callers are measured before each,
// and beside a thread that tells; rounds.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <semaphore>
#include <thread>

#include "system_probe.hpp"

using probe::say;

/// Answers when it is opened.
class Gate : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<> pass() {
    Closed const closed{this};
    co_await closed;
  }
  void open() {
    if (waits_) std::exchange(waits_, nullptr).resume();
  }

 private:
  struct Closed {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waits) const noexcept { gate->waits_ = waits; }
    void await_resume() const noexcept {}
    Gate* gate;
  };
  std::coroutine_handle<> waits_;
};

class Sleeper : public corps::Conc {
 public:
  void sleep(corps::Name<Gate> gate) { gate.within(corps::no_deadline).call<&Gate::pass>().get(); }
  void note(std::int64_t number) {
    in_order_ = in_order_ && number > last_;
    last_ = number;
    ++noted;
  }
  bool in_order() { return in_order_; }
  std::int64_t noted = 0;

 private:
  std::int64_t last_ = -1;
  bool in_order_ = true;
};

std::binary_semaphore told_all{0};

/// Tells without waiting for room, a thousand times a turn.
class Flooder : public corps::Conc {
 public:
  void flood(corps::Name<Sleeper> sleeper, std::int64_t from, std::int64_t end) {
    auto const until = std::min(from + 1000, end);
    for (auto i = from; i < until; ++i) sleeper.tell<&Sleeper::note>(i);
    if (until < end)
      corps::name_of(*this).tell<&Flooder::flood>(sleeper, until, end);
    else
      told_all.release();
  }
};

class Polite : public corps::Conc {
 public:
  int add(int n) { return total_ += n; }

 private:
  int total_ = 0;
};

class Front : public corps::Corps {};

namespace {

std::int64_t memory_kib(std::string const& key) {
  std::ifstream status{"/proc/self/status"};
  std::string line;
  while (std::getline(status, line))
    if (line.rfind(key + ":", 0) == 0) return std::stoll(line.substr(key.size() + 1));
  return 0;
}

/// Ten threads that each call a Conc of their own a thousand times a second, whatever the answers take.
class PoliteCallers {
 public:
  PoliteCallers() {
    for (int i = 0; i < callers; ++i) threads_.emplace_back([this, i] { call(i); });
  }
  /// The 99th percentile from the intended start to the answer.
  double stop_p99_us() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    std::vector<std::int64_t> all;
    for (auto const& each : latencies_ns_) all.insert(all.end(), each.begin(), each.end());
    std::sort(all.begin(), all.end());
    return all.empty() ? 0 : static_cast<double>(all[all.size() * 99 / 100]) / 1000;
  }

 private:
  static constexpr int callers = 10;
  static constexpr std::int64_t gap_ns = 1'000'000;

  void call(int which) {
    auto const conc = corps::create<Polite>(corps::here()).get();
    auto& latencies = latencies_ns_[which];
    for (auto due = probe::now_ns(); !stop_; due += gap_ns) {
      timespec const at{due / 1'000'000'000, due % 1'000'000'000};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);  // check-ok: the load has a rate
      (void)conc.call<&Polite::add>(1).get();
      latencies.push_back(probe::now_ns() - due);
    }
  }

  std::atomic<bool> stop_{false};
  std::vector<std::int64_t> latencies_ns_[callers];
  std::vector<std::thread> threads_;
};

/// What one round of the flood came to.
struct Round {
  std::int64_t ran;
  bool in_order;
  double p99_us;           // of the polite callers meanwhile
  std::int64_t grown_kib;  // memory, at most
};

void forget_peak_of_memory() { std::ofstream{"/proc/self/clear_refs"} << "5"; }

double polite_p99_us(int seconds) {
  PoliteCallers callers;
  timespec const span{seconds, 0};
  nanosleep(&span, nullptr);  // check-ok: the span that is measured
  return callers.stop_p99_us();
}

double flood_by_conc(corps::Name<Sleeper> sleeper, std::int64_t count) {
  auto const flooder = corps::create<Flooder>(corps::here()).get();
  PoliteCallers callers;
  flooder.tell<&Flooder::flood>(sleeper, 0, count);
  told_all.acquire();
  return callers.stop_p99_us();
}

std::thread teller(corps::Name<Sleeper> sleeper, std::int64_t count) {
  return std::thread{[=] {
    for (std::int64_t i = 0; i < count; ++i) sleeper.within(corps::no_deadline).tell<&Sleeper::note>(i);
  }};
}

Round flood(bool by_conc, std::int64_t count, int seconds) {
  auto const gate = corps::create<Gate>(corps::here()).get();
  auto const sleeper = corps::create<Sleeper>(corps::here()).get();
  auto sleeping = sleeper.within(corps::no_deadline).call<&Sleeper::sleep>(gate);
  forget_peak_of_memory();
  auto const before_kib = memory_kib("VmRSS");
  auto thread = by_conc ? std::thread{} : teller(sleeper, count);
  auto const p99_us = by_conc ? flood_by_conc(sleeper, count) : polite_p99_us(seconds);
  auto const grown_kib = memory_kib("VmHWM") - before_kib;
  gate.call<&Gate::open>().get();
  sleeping.get();
  if (thread.joinable()) thread.join();
  auto const in_order = sleeper.within(corps::no_deadline).call<&Sleeper::in_order>().get();
  auto const ran = sleeper.get<&Sleeper::noted>().get();
  corps::exit(sleeper);
  return {ran, in_order, p99_us, grown_kib};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  bool const by_conc = std::string{argv[1]} == "conc";
  auto const count = std::stoll(argv[2]);
  auto const seconds = std::stoi(argv[3]);
  auto const rounds = std::stoi(argv[4]);
  auto corps = corps::boot<Front>({.config_files = {}, .set = {"env.threads=2"}, .arguments = {}});
  for (int i = 0; i < rounds; ++i) {
    auto const quiet_us = polite_p99_us(seconds);
    auto const [ran, in_order, flood_us, grown_kib] = flood(by_conc, count, seconds);
    say("told %lld ran %lld in_order %d grown_kib %lld p99_us quiet %.0f flood %.0f", count, static_cast<long long>(ran),
        in_order ? 1 : 0, static_cast<long long>(grown_kib), quiet_us, flood_us);
  }
  return corps.stop();
}
