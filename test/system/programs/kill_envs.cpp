// Kills one Env after the other in the middle of calls, and prints how long the callers had to wait for the word, and what it
// was. Arguments: how many Envs to kill; how much memory each has taken, in MiB.
#include "system_probe.hpp"

using probe::ms;
using probe::say;
using probe::Worker;
using namespace std::chrono_literals;

constexpr int open_calls = 20;

/// How calls ended, in a form that travels.
struct Seen {
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  int ended = 0;
  std::string text;  // of the first
  bool same = true;  // all say the same
};

class Caller : public corps::Conc {
 public:
  /// Makes the link to its Env.
  corps::Task<> meet(corps::Name<Worker> victim) { co_await victim.call<&Worker::pid>(); }

  /// Opens calls, reports that they are on their way, and sees how they end. `beside` is in the same Env as the victim.
  corps::Task<Seen> watch_calls(corps::Name<Worker> victim, corps::Name<Worker> beside, corps::Name<Worker> reporter) {
    std::vector<corps::Future<void>> calls;
    for (int i = 0; i < open_calls; ++i) calls.push_back(victim.call<&Worker::sleep>(600'000));
    co_await beside.call<&Worker::pid>();  // which is sent after them
    reporter.tell<&Worker::add>(1);
    Seen seen;
    for (auto& call : calls) {
      try {
        co_await call;
        seen.text = "it returned";
      } catch (corps::Error const& error) {
        auto const line = probe::line_of(error);
        seen.last_ns = probe::now_ns();
        if (seen.ended++ == 0) {
          seen.first_ns = seen.last_ns;
          seen.text = line;
        }
        seen.same = seen.same && line == seen.text;
      }
    }
    co_return seen;
  }

  /// Calls another Env until it is told to end; returns how many calls there were. The first error ends it.
  corps::Task<int> keep_calling(corps::Name<Worker> other) {
    int calls = 0;
    while (!enough_) {
      co_await other.call<&Worker::add>(1);
      ++calls;
    }
    co_return calls;
  }
  void end() { enough_ = true; }

  static constexpr bool corps_interleaved = true;

 private:
  bool enough_ = false;
};

class KillEnvs : public corps::Corps {
  corps::Task<> on_main() override {
    auto const victims = static_cast<corps::EnvId>(probe::number(my_config(), 0));
    auto const memory_mib = static_cast<std::size_t>(probe::number(my_config(), 1));
    auto const here = co_await corps::create<Caller>(corps::env(0));
    auto const third = co_await corps::create<Caller>(corps::env(1));
    auto const bystander = co_await corps::create<Caller>(corps::env(1));
    auto const unharmed = co_await corps::create<Worker>(corps::env(2));
    auto background = bystander.within(10min).call<&Caller::keep_calling>(unharmed);
    for (corps::EnvId env = 3; env < 3 + victims; ++env) co_await kill(env, memory_mib, here, third);
    co_await bystander.call<&Caller::end>();
    auto const calls = co_await background;
    say("bystander %d calls", calls);
  }

  corps::Task<> kill(corps::EnvId env, std::size_t memory_mib, corps::Name<Caller> here, corps::Name<Caller> third) {
    auto const victim = co_await corps::create<Worker>(corps::env(env));
    auto const beside = co_await corps::create<Worker>(corps::env(env));
    auto const pid = co_await victim.call<&Worker::pid>();
    if (memory_mib != 0) co_await victim.call<&Worker::take_memory>(memory_mib << 20);
    co_await here.call<&Caller::meet>(victim);
    co_await third.call<&Caller::meet>(victim);
    auto const counter = co_await corps::create<Worker>(corps::here());
    auto first = here.within(10min).call<&Caller::watch_calls>(victim, beside, counter);
    auto second = third.within(10min).call<&Caller::watch_calls>(victim, beside, counter);
    for (int open = 0; open != 2;) open = co_await counter.call<&Worker::add>(0);
    auto const killed_ns = probe::now_ns();
    ::kill(pid, SIGKILL);
    auto const in_env0 = co_await first;
    auto const in_third = co_await second;
    report("env0", env, pid, killed_ns, in_env0);
    report("third", env, pid, killed_ns, in_third);
    auto const later_ns = probe::now_ns();
    try {
      co_await victim.call<&Worker::pid>();
    } catch (corps::Error const& error) {
      say("later %.3f ms | %s", ms(later_ns, probe::now_ns()), probe::line_of(error).c_str());
    }
    corps::exit(counter);
  }

  static void report(char const* who, corps::EnvId env, int pid, std::int64_t killed_ns, Seen const& seen) {
    say("%s env %u pid %d: %d ended, %.3f to %.3f ms, %s | %s", who, env, pid, seen.ended, ms(killed_ns, seen.first_ns),
        ms(killed_ns, seen.last_ns), seen.same ? "same" : "different", seen.text.c_str());
  }
};

int main(int argc, char** argv) { return corps::run<KillEnvs>(argc, argv); }
