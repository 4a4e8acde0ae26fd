// Every Env calls every other at once, right after boot: all links are made at the same moment, from both sides.
// Argument: how many calls and tells each sends to each.
#include "system_probe.hpp"

using probe::say;

/// Checks that what each sender sends arrives once and in order.
class Receiver : public corps::Conc {
 public:
  int called(corps::EnvId from, int number) {
    take(from, number);
    return number;
  }
  void told(corps::EnvId from, int number) { take(from, number); }
  int received(corps::EnvId from) { return next_[from]; }
  std::string wrong() { return wrong_; }

 private:
  void take(corps::EnvId from, int number) {
    if (next_.size() <= from) next_.resize(from + 1);
    if (number != next_[from] && wrong_.empty())
      wrong_ =
          "env " + std::to_string(from) + " sent " + std::to_string(number) + " when " + std::to_string(next_[from]) + " was due";
    next_[from] = number + 1;
  }
  std::vector<int> next_ = std::vector<int>(1024);
  std::string wrong_;
};
using Receivers = std::vector<corps::Name<Receiver>>;

class Sender : public corps::Conc {
 public:
  /// Calls and tells by turns, to all by turns. Returns the first error, or nothing.
  corps::Task<std::string> storm(Receivers receivers, int count) {
    std::vector<corps::Future<int>> calls;
    std::vector<int> expected;
    for (int i = 0; i < count; ++i)
      for (auto const receiver : receivers) {
        if (receiver.address().env == my_env()) continue;
        receiver.tell<&Receiver::told>(my_env(), 2 * i);
        calls.push_back(receiver.call<&Receiver::called>(my_env(), 2 * i + 1));
        expected.push_back(2 * i + 1);
      }
    std::string wrong;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      auto& call = calls[i];
      try {
        auto const answer = co_await call;
        if (answer != expected[i] && wrong.empty()) wrong = "a call got the answer of another";
      } catch (corps::Error const& error) {
        if (wrong.empty()) wrong = probe::line_of(error);
      }
    }
    co_return wrong;
  }
};

class Storm : public corps::Corps {
  corps::Task<> on_main() override {
    auto const count = probe::number(my_config(), 0, 10);
    auto const receivers = co_await corps::create<Receiver>(corps::per_env(1));
    auto const senders = co_await corps::create<Sender>(corps::per_env(1));
    std::vector<corps::Future<std::string>> storms;
    auto const begin_ns = probe::now_ns();
    for (auto const sender : senders) storms.push_back(sender.call<&Sender::storm>(receivers, count));
    int failed = 0;
    for (auto& storm : storms) {
      auto const wrong = co_await storm;
      if (wrong.empty()) continue;
      ++failed;
      say("wrong: %s", wrong.c_str());
    }
    auto const end_ns = probe::now_ns();
    for (auto const receiver : receivers) {
      auto const wrong = co_await receiver.call<&Receiver::wrong>();
      if (!wrong.empty()) say("wrong at env %u: %s", receiver.address().env, wrong.c_str());
      for (auto const sender : senders) {
        if (sender.address().env == receiver.address().env) continue;
        auto const received = co_await receiver.call<&Receiver::received>(sender.address().env);
        if (received == 2 * count) continue;
        ++failed;
        say("wrong: env %u has %d of env %u", receiver.address().env, received, sender.address().env);
      }
    }
    say("%zu envs, %d failed, %.1f ms", senders.size(), failed, probe::ms(begin_ns, end_ns));
  }
};

int main(int argc, char** argv) { return corps::run<Storm>(argc, argv); }
