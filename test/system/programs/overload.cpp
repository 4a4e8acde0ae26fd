// More calls than can be served. Arguments:
//   `overload`, what a full mailbox answers (`wait` or `refuse`), seconds: callers in Env 0 call a Worker in Env 1 at three times
//   the rate that it can serve;
//   `stopped`, milliseconds of a round, rounds: Env 2 is called by turns as it runs and as it is stopped, and others call each
//   other.
#include <algorithm>
#include <deque>
#include <optional>

#include "system_probe.hpp"

using probe::say;

namespace {

constexpr std::int64_t served_in_ns = 200'000;
constexpr int capacity = 1'000'000'000 / served_in_ns;  // a second
constexpr std::size_t argument_bytes = 1024;
constexpr int callers = 4;
constexpr int probes_in_a_row = 20;

corps::Task<> sleep_until_ns(std::int64_t then_ns) {
  auto const left_ns = then_ns - probe::now_ns();
  if (left_ns > 0) co_await corps::sleep_for(std::chrono::nanoseconds{left_ns});
}

}  // namespace

/// Works for as long each time.
template <corps::Overflow full>
class Server : public corps::Conc {
 public:
  static constexpr auto corps_class = full == corps::Overflow::wait ? "WaitingServer" : "RefusingServer";
  static constexpr auto corps_overflow = full;
  void serve(std::string) {
    for (auto const end_ns = probe::now_ns() + served_in_ns; probe::now_ns() < end_ns;) {
    }
  }
};

class Sink : public corps::Conc {
 public:
  int pid() { return ::getpid(); }
  int add(int number) { return number + 1; }
  void take(std::string) {}
};

/// How calls ended.
struct Tally {
  std::int64_t served = 0;
  std::int64_t refused = 0;
  std::int64_t failed = 0;
};

/// Calls that are made at a rate, whatever becomes of the ones before.
class Calls {
 public:
  explicit Calls(double per_second) : per_second_(per_second) {}

  template <class Call>
  void make_due(Call call) {
    auto const due = static_cast<std::int64_t>(static_cast<double>(probe::now_ns() - begin_ns_) * per_second_ / 1e9);
    for (; made_ < due; ++made_) {
      auto made = call();
      if (made.ready())
        take(std::move(made));  // refused at once
      else
        open_.push_back(std::move(made));
    }
    take_ended();
  }
  /// Those that have ended.
  Tally tally() {
    take_ended();
    return tally_;
  }
  corps::Task<Tally> tally_of_all() {
    std::vector<corps::Future<void>> calls{std::make_move_iterator(open_.begin()), std::make_move_iterator(open_.end())};
    open_.clear();
    auto ended = corps::when_ended(std::move(calls));
    auto all = co_await ended;
    for (auto& call : all) take(std::move(call));
    co_return tally_;
  }

 private:
  /// None that has ended stays behind one that is open: each keeps its arguments.
  void take_ended() {
    auto const ended = std::stable_partition(open_.begin(), open_.end(), [](auto& call) { return !call.ready(); });
    std::for_each(std::move_iterator(ended), std::move_iterator(open_.end()), [this](auto call) { take(std::move(call)); });
    open_.erase(ended, open_.end());
  }
  void take(corps::Future<void> call) {
    try {
      call.get();
      ++tally_.served;
    } catch (corps::Overloaded const&) {
      ++tally_.refused;
    } catch (corps::Error const& error) {
      if (tally_.failed++ == 0) say("failed: %s", probe::line_of(error).c_str());
    }
  }

  double per_second_;
  std::int64_t const begin_ns_ = probe::now_ns();
  std::int64_t made_ = 0;
  std::deque<corps::Future<void>> open_;
  Tally tally_;
};

template <class Server>
class Caller : public corps::Conc {
 public:
  static constexpr auto corps_class = Server::corps_overflow == corps::Overflow::wait ? "WaitingCaller" : "RefusedCaller";

  /// Keeps some calls open.
  corps::Task<Tally> saturate(corps::Name<Server> server, int ms) {
    constexpr std::size_t open_max = 16;
    auto const end_ns = probe::now_ns() + ms * std::int64_t{1'000'000};
    std::deque<corps::Future<void>> open;
    Tally tally;
    while (probe::now_ns() < end_ns) {
      while (open.size() < open_max) open.push_back(server.template call<&Server::serve>(text_));
      auto call = std::move(open.front());
      open.pop_front();
      co_await call;
      ++tally.served;
    }
    co_return tally;
  }
  corps::Task<Tally> offer(corps::Name<Server> server, int per_second, int ms) {
    auto const end_ns = probe::now_ns() + ms * std::int64_t{1'000'000};
    auto& calls = calls_.emplace(static_cast<double>(per_second));
    while (probe::now_ns() < end_ns) {
      calls.make_due([&] { return server.template call<&Server::serve>(text_); });
      co_await corps::sleep_for(std::chrono::milliseconds{1});
    }
    co_return calls.tally();
  }
  /// The same again, once all that `offer` had called have ended.
  corps::Task<Tally> ended() { return calls_->tally_of_all(); }
  /// Microseconds of so many calls, one after the other, in order.
  corps::Task<std::vector<double>> probe_times(corps::Name<Server> server, int count) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      auto const begin_ns = probe::now_ns();
      co_await server.template call<&Server::serve>(text_);
      times.push_back(1e3 * probe::ms(begin_ns, probe::now_ns()));
      co_await corps::sleep_for(std::chrono::milliseconds{1});
    }
    std::sort(times.begin(), times.end());
    co_return times;
  }
  /// How many milliseconds it takes until half of a row of calls are answered within `limit_us`.
  corps::Task<double> wait_until_normal(corps::Name<Server> server, double limit_us) {
    auto const begin_ns = probe::now_ns();
    for (;;) {
      try {
        auto const times = co_await probe_times(server, probes_in_a_row);
        if (times[probes_in_a_row / 2] <= limit_us) co_return probe::ms(begin_ns, probe::now_ns());
      } catch (corps::Overloaded const&) {
      }
      co_await corps::sleep_for(std::chrono::milliseconds{1});  // what it has open ends in its own turns
    }
  }

 private:
  std::string const text_ = std::string(argument_bytes, 'x');
  std::optional<Calls> calls_;
};

/// Calls a Sink at a moderate rate.
class Polite : public corps::Conc {
 public:
  corps::Task<std::vector<double>> run(corps::Name<Sink> sink, int ms) {
    std::vector<double> times;
    auto due_ns = probe::now_ns();
    for (auto const end_ns = due_ns + ms * std::int64_t{1'000'000}; due_ns < end_ns; due_ns += 1'000'000) {
      co_await sleep_until_ns(due_ns);
      auto const begin_ns = probe::now_ns();
      co_await sink.call<&Sink::add>(1);
      times.push_back(1e3 * probe::ms(begin_ns, probe::now_ns()));
    }
    co_return times;
  }
};

/// Calls a Sink with much, whether or not it takes it.
class Pusher : public corps::Conc {
 public:
  corps::Task<Tally> run(corps::Name<Sink> sink, int ms) {
    std::string const text(16'384, 'x');
    auto const end_ns = probe::now_ns() + ms * std::int64_t{1'000'000};
    Calls calls{2000};
    while (probe::now_ns() < end_ns) {
      calls.make_due([&] { return sink.call<&Sink::take>(text); });
      co_await corps::sleep_for(std::chrono::milliseconds{1});
    }
    auto all = calls.tally_of_all();
    co_return co_await all;
  }
};

class OverloadTest : public corps::Corps {
  corps::Task<> on_main() override {
    auto const names = co_await corps::create<Sink>(corps::per_env(1));
    for (auto const name : names) {
      auto const pid = co_await name.call<&Sink::pid>();
      say("env %u %d", name.address().env, pid);
    }
    auto const& config = my_config();
    if (probe::argument(config, 0) == "stopped")
      co_await stopped(names, probe::number(config, 1, 500), probe::number(config, 2, 3));
    else if (probe::argument(config, 1) == "wait")
      co_await overload<Server<corps::Overflow::wait>>(probe::number(config, 2, 2));
    else
      co_await overload<Server<corps::Overflow::refuse>>(probe::number(config, 2, 2));
  }

  corps::Task<Tally> sum_of(std::vector<corps::Future<Tally>> runs) {
    Tally sum;
    for (auto& run : runs) {
      auto const tally = co_await run;
      sum.served += tally.served;
      sum.refused += tally.refused;
      sum.failed += tally.failed;
    }
    co_return sum;
  }

  template <class Server>
  corps::Task<> overload(int seconds) {
    int const peak_ms = std::min(2000, 500 * seconds);
    auto const server = co_await corps::create<Server>(corps::env(1));
    std::vector<corps::Name<Caller<Server>>> all;
    for (int i = 0; i < callers; ++i) all.push_back(co_await corps::create<Caller<Server>>(corps::env(0)));
    co_await all[0].template call<&Caller<Server>::probe_times>(server, 200);
    auto const quiet = co_await all[0].template call<&Caller<Server>::probe_times>(server, 200);
    std::vector<corps::Future<Tally>> runs;
    for (auto const each : all) runs.push_back(each.template call<&Caller<Server>::saturate>(server, peak_ms));
    auto const in_peak = co_await sum_of(std::move(runs));
    auto const peak = static_cast<double>(in_peak.served) * 1000 / peak_ms;
    say("peak %.0f a second, quiet p50 %.0f us p99 %.0f us", peak, quiet[100], quiet[198]);
    runs.clear();
    constexpr int rate = 3 * capacity / callers;
    auto const ms = seconds * 1000;
    for (auto const each : all)
      runs.push_back(each.within(corps::no_deadline).template call<&Caller<Server>::offer>(server, rate, ms));
    auto const sum = co_await sum_of(std::move(runs));
    auto const normal_us = std::max(2 * quiet[100], quiet[100] + 1000);
    auto const normal_ms = co_await all[0].template call<&Caller<Server>::wait_until_normal>(server, normal_us);
    runs.clear();
    for (auto const each : all) runs.push_back(each.template call<&Caller<Server>::ended>());
    auto const of_all = co_await sum_of(std::move(runs));
    say("overload %d s: %.0f offered a second, %.0f served a second, %lld refused, %lld failed", seconds, 1.0 * rate * callers,
        static_cast<double>(sum.served) / seconds, static_cast<long long>(sum.refused), static_cast<long long>(of_all.failed));
    say("normal after %.0f ms", normal_ms);
  }

  /// The 99th percentile of the calls between Env 0 and Env 1, in both directions.
  corps::Task<double> p99_of_polite(std::vector<corps::Name<Polite>> polite, std::vector<corps::Name<Sink>> sinks, int ms) {
    std::vector<corps::Future<std::vector<double>>> runs;
    for (std::size_t i = 0; i < 2; ++i) runs.push_back(polite[i].call<&Polite::run>(sinks[1 - i], ms));
    std::vector<double> all;
    for (auto& run : runs) {
      auto const times = co_await run;
      all.insert(all.end(), times.begin(), times.end());
    }
    std::sort(all.begin(), all.end());
    co_return all[all.size() * 99 / 100];
  }

  corps::Task<> stopped(std::vector<corps::Name<Sink>> sinks, int ms, int rounds) {
    auto const polite = co_await corps::create<Polite>(corps::per_env(1));
    auto const pusher = co_await corps::create<Pusher>(corps::env(0));
    auto const pid = co_await sinks[2].call<&Sink::pid>();
    co_await p99_of_polite(polite, sinks, ms);
    for (int round = 0; round < rounds; ++round) {
      auto idle = p99_of_polite(polite, sinks, ms);
      auto const idle_us = co_await idle;
      auto pushed = pusher.call<&Pusher::run>(sinks[2], ms);
      auto running = p99_of_polite(polite, sinks, ms);
      auto const running_us = co_await running;
      auto const taken = co_await pushed;
      probe::stop_process(pid);
      pushed = pusher.call<&Pusher::run>(sinks[2], ms);
      auto silent = p99_of_polite(polite, sinks, ms);
      auto const silent_us = co_await silent;
      auto const begin_ns = probe::now_ns();
      ::kill(pid, SIGCONT);
      auto const left = co_await pushed;
      auto const ended_ms = probe::ms(begin_ns, probe::now_ns());
      say("round: p99 us %.0f idle %.0f running %.0f stopped; refused %lld running %lld stopped, served %lld %lld, failed %lld; "
          "all "
          "ended after %.0f ms",
          idle_us, running_us, silent_us, static_cast<long long>(taken.refused), static_cast<long long>(left.refused),
          static_cast<long long>(taken.served), static_cast<long long>(left.served),
          static_cast<long long>(taken.failed + left.failed), ended_ms);
    }
  }
};

int main(int argc, char** argv) { return corps::run<OverloadTest>(argc, argv); }
