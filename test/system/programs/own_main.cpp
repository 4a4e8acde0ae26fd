// A program with a main of its own that boots Corps, one after the other, and calls them from plain threads.
#include <semaphore>
#include <thread>

#include "system_probe.hpp"

using probe::say;
using probe::Worker;
using namespace std::chrono_literals;

/// The front runs in this process.
std::binary_semaphore is_waiting{0};

class Counter : public corps::Corps {
 public:
  explicit Counter(corps::Config const& config) : step_(config.get<int>("step")) {}
  int count() { return total_ += step_; }
  corps::Task<std::vector<int>> pids() {
    auto const workers = co_await corps::create<Worker>(corps::per_env(1));
    std::vector<int> pids;
    for (auto const worker : workers) {
      auto const pid = co_await worker.call<&Worker::pid>();
      pids.push_back(pid);
    }
    co_return pids;
  }
  corps::Task<int> wait_in(corps::EnvId env) {
    auto const worker = co_await corps::create<Worker>(corps::env(env));
    is_waiting.release();
    co_await worker.call<&Worker::sleep>(600'000);
    co_return 0;
  }

 private:
  int step_;
  int total_ = 0;
};

namespace {

void use(int step) {
  auto counter = corps::boot<Counter>(
      {.config_files = {}, .set = {"corps.envs=3", "limits.stop=300ms", "args.step=" + std::to_string(step)}, .arguments = {}});
  auto const name = counter.name();
  auto const pids = name.call<&Counter::pids>().get();
  say("%zu envs", pids.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) name.call<&Counter::count>().get();
    });
  for (auto& thread : threads) thread.join();
  say("count %d", name.call<&Counter::count>().get());

  try {
    auto second = corps::boot<Counter>({.config_files = {}, .set = {"args.step=1"}, .arguments = {}});
    say("two at a time");
  } catch (corps::Error const& error) {
    say("second: %s", probe::line_of(error).c_str());
  }

  // A thread that waits for a call learns that the Corps has been stopped.
  std::thread waiting{[&] {
    auto call = name.within(10min).call<&Counter::wait_in>(2);
    try {
      call.get();
    } catch (corps::Error const& error) {
      say("waiting: %s", probe::line_of(error).c_str());
    }
  }};
  is_waiting.acquire();
  say("exit code %d, again %d", counter.stop(), counter.stop());
  waiting.join();
  try {
    name.call<&Counter::count>().get();
  } catch (corps::Error const& error) {
    say("after: %s", probe::line_of(error).c_str());
  }
}

}  // namespace

int main() {
  try {
    (void)corps::boot<Counter>({.config_files = {}, .set = {"corps.envz=3"}, .arguments = {}});
  } catch (corps::ConfigError const& error) {
    say("config: %s", error.text().c_str());
  }
  try {
    (void)corps::boot<Counter>({.config_files = {}, .set = {"corps.envs=2"}, .arguments = {}});
  } catch (corps::Error const& error) {
    say("front: %s", probe::line_of(error).c_str());
  }
  use(1);
  use(1000);
  return 0;
}
