// Every Env calls every other at once, right after boot: all links are made at the same moment, from both sides.
// Argument: how many calls and tells each sends to each.
#include "in_order.hpp"

using probe::Receiver;
using probe::Receivers;
using probe::say;

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
    auto checks = probe::count_wrong(receivers, count);
    failed += co_await checks;
    say("%zu envs, %d failed, %.1f ms", senders.size(), failed, probe::ms(begin_ns, end_ns));
  }
};

int main(int argc, char** argv) { return corps::run<Storm>(argc, argv); }
