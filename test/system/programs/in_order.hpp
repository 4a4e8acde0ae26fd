#pragma once

#include <string>
#include <vector>

#include "system_probe.hpp"

/// What storm and cut_links share: Receivers in all Envs check that what each sender sends arrives once and in order.
namespace probe {

class Receiver : public corps::Conc {
 public:
  int called(corps::EnvId from, int number) {
    take(from, number);
    return number;
  }
  std::string called_with(corps::EnvId from, int number, std::string text) {
    take(from, number);
    return text;
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

/// Says what is wrong at the Receivers, one in each Env, after each Env has sent each other `count` calls and tells. How many
/// things are.
inline corps::Task<int> count_wrong(Receivers receivers, int count) {
  int wrong_ones = 0;
  for (auto const receiver : receivers) {
    auto const wrong = co_await receiver.call<&Receiver::wrong>();
    if (!wrong.empty()) {
      ++wrong_ones;
      say("wrong at env %u: %s", receiver.address().env, wrong.c_str());
    }
    for (auto const sender : receivers) {
      if (sender.address().env == receiver.address().env) continue;
      auto const received = co_await receiver.call<&Receiver::received>(sender.address().env);
      if (received == 2 * count) continue;
      ++wrong_ones;
      say("wrong: env %u has %d of env %u", receiver.address().env, received, sender.address().env);
    }
  }
  co_return wrong_ones;
}

}  // namespace probe
