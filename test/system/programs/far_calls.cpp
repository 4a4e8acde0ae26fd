// Calls between all Envs for some time, whatever happens to the ways between them: each ends once and in time, none runs twice,
// those between two Workers run in order.
// Arguments: for how many milliseconds; bytes of an argument; how many calls a Worker has open; limit of a call in milliseconds.
#include <deque>

#include "system_probe.hpp"

using probe::say;

class Receiver : public corps::Conc {
 public:
  std::size_t take(corps::EnvId from, int number, std::string text) {
    if (last_.size() <= from) last_.resize(from + 1, -1);
    if (number <= last_[from]) ++wrong_;  // once more, or after one that was sent later
    last_[from] = number;
    ++taken_;
    return text.size();
  }
  int taken() { return taken_; }
  int wrong() { return wrong_; }

 private:
  std::vector<int> last_;
  int taken_ = 0;
  int wrong_ = 0;
};
using Receivers = std::vector<corps::Name<Receiver>>;

struct Outcome {
  int sent = 0;
  int answered = 0;
  int lost_not_run = 0;
  int lost_maybe_run = 0;
  int timed_out = 0;
  std::string other;  // any other error
  double longest_ms = 0;
};

class Sender : public corps::Conc {
 public:
  /// So that there are links, where there can be.
  corps::Task<> meet(Receivers receivers) {
    for (auto const receiver : receivers) {
      try {
        co_await receiver.call<&Receiver::wrong>();
      } catch (corps::WorkerLost const& error) {
        say("no way from env %u: %s", my_env(), probe::line_of(error).c_str());
      }
    }
  }

  corps::Task<Outcome> run(Receivers receivers, int for_ms, std::size_t bytes, std::size_t open_max, int limit_ms) {
    Outcome outcome;
    std::string const text(bytes, 'x');
    auto const until_ns = probe::now_ns() + std::int64_t{for_ms} * 1'000'000;
    std::deque<std::pair<corps::Future<std::size_t>, std::int64_t>> open;
    for (int number = 0; probe::now_ns() < until_ns || !open.empty(); ++number) {
      if (probe::now_ns() < until_ns) {
        for (auto const receiver : receivers) {
          if (receiver.address().env == my_env()) continue;
          ++outcome.sent;
          open.emplace_back(receiver.within(std::chrono::milliseconds(limit_ms)).call<&Receiver::take>(my_env(), number, text),
                            probe::now_ns());
        }
      }
      while (open.size() > (probe::now_ns() < until_ns ? open_max : 0)) {
        auto call = std::move(open.front());
        open.pop_front();
        bool lost = false;
        try {
          auto const taken = co_await call.first;
          if (taken == bytes) ++outcome.answered;
        } catch (corps::WorkerLost const& error) {
          ++(error.may_have_run() ? outcome.lost_maybe_run : outcome.lost_not_run);
          lost = true;
        } catch (corps::Timeout const&) {
          ++outcome.timed_out;
        } catch (corps::Error const& error) {
          outcome.other = probe::line_of(error);
        }
        outcome.longest_ms = std::max(outcome.longest_ms, probe::ms(call.second, probe::now_ns()));
        if (lost) co_await corps::sleep_for(std::chrono::milliseconds(5));  // as a caller that tries again
      }
    }
    co_return outcome;
  }
};

class FarCalls : public corps::Corps {
  corps::Task<> on_main() override {
    auto const for_ms = probe::number(my_config(), 0, 1000);
    auto const bytes = static_cast<std::size_t>(probe::number(my_config(), 1, 64));
    auto const open = static_cast<std::size_t>(probe::number(my_config(), 2, 20));
    auto const limit_ms = probe::number(my_config(), 3, 20'000);
    auto const receivers = co_await corps::create<Receiver>(corps::per_env(1));
    auto const senders = co_await corps::create<Sender>(corps::per_env(1));
    for (auto const sender : senders) co_await sender.call<&Sender::meet>(receivers);
    std::vector<corps::Future<Outcome>> runs;
    for (auto const sender : senders)
      runs.push_back(sender.within(std::chrono::minutes(5)).call<&Sender::run>(receivers, for_ms, bytes, open, limit_ms));
    say("calling");
    Outcome all;
    for (auto& run : runs) {
      auto const outcome = co_await run;
      all.sent += outcome.sent;
      all.answered += outcome.answered;
      all.lost_not_run += outcome.lost_not_run;
      all.lost_maybe_run += outcome.lost_maybe_run;
      all.timed_out += outcome.timed_out;
      all.longest_ms = std::max(all.longest_ms, outcome.longest_ms);
      if (!outcome.other.empty()) say("other: %s", outcome.other.c_str());
    }
    int taken = 0;
    int wrong = 0;
    for (auto const receiver : receivers) {
      auto const of_one = co_await receiver.call<&Receiver::taken>();
      auto const wrong_there = co_await receiver.call<&Receiver::wrong>();
      taken += of_one;
      wrong += wrong_there;
    }
    say("%zu envs: %d sent, %d answered, %d lost not run, %d lost maybe run, %d timed out, longest %.0f ms, %d ran, %d wrong",
        senders.size(), all.sent, all.answered, all.lost_not_run, all.lost_maybe_run, all.timed_out, all.longest_ms, taken,
        wrong);
  }
};

int main(int argc, char** argv) { return corps::run<FarCalls>(argc, argv); }
