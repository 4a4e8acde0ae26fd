// Calls between all Envs, while each of them breaks all of its connections again and again.
// Arguments: how many calls and tells each sends to each; after how many of them it breaks its connections.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <deque>

#include "system_probe.hpp"

using probe::say;

namespace {

/// Shuts down every connection between Envs that this process has. Returns how many.
int cut_connections() {
  int cut = 0;
  for (int fd = 3; fd < 256; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens != 0) continue;
    bool is_link = false;
    for (auto* const name_of : {&::getsockname, &::getpeername}) {
      sockaddr_storage address{};
      size = sizeof address;
      if (name_of(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
      auto const* const local = reinterpret_cast<sockaddr_un const*>(&address);
      is_link = is_link || address.ss_family == AF_INET ||
                (address.ss_family == AF_UNIX && std::strncmp(local->sun_path + 1, "corps-", 6) == 0 &&
                 std::strncmp(local->sun_path + 1, "corps-dump-", 11) != 0);
    }
    if (is_link && ::shutdown(fd, SHUT_RDWR) == 0) ++cut;
  }
  return cut;
}

}  // namespace

/// Checks that what each sender sends arrives once and in order.
class Receiver : public corps::Conc {
 public:
  std::string called(corps::EnvId from, int number, std::string text) {
    take(from, number);
    return text;
  }
  void told(corps::EnvId from, int number) { take(from, number); }
  int received(corps::EnvId from) { return next_[from]; }
  std::string wrong() { return wrong_; }

 private:
  void take(corps::EnvId from, int number) {
    if (number != next_[from] && wrong_.empty())
      wrong_ =
          "env " + std::to_string(from) + " sent " + std::to_string(number) + " when " + std::to_string(next_[from]) + " was due";
    next_[from] = number + 1;
  }
  std::vector<int> next_ = std::vector<int>(64);
  std::string wrong_;
};
using Receivers = std::vector<corps::Name<Receiver>>;

struct Outcome {
  std::string wrong;  // the first error
  int cuts = 0;
};

class Sender : public corps::Conc {
 public:
  corps::Task<Outcome> run(Receivers receivers, int count, int between_cuts) {
    constexpr std::size_t open_max = 50;
    Outcome outcome;
    std::deque<std::pair<corps::Future<std::string>, std::string>> calls;
    for (int i = 0; i < count; ++i) {
      for (auto const receiver : receivers) {
        if (receiver.address().env == my_env()) continue;
        auto const text = std::to_string(i) + std::string(static_cast<std::size_t>(i % 300 == 0 ? 500'000 : i % 700), 'x');
        receiver.tell<&Receiver::told>(my_env(), 2 * i);
        calls.emplace_back(receiver.call<&Receiver::called>(my_env(), 2 * i + 1, text), text);
      }
      if (i % between_cuts == between_cuts - 1) outcome.cuts += cut_connections();
      while (calls.size() > (i + 1 == count ? 0 : open_max)) {
        auto call = std::move(calls.front());
        calls.pop_front();
        try {
          auto const answer = co_await call.first;
          if (answer != call.second && outcome.wrong.empty()) outcome.wrong = "a call got the answer of another";
        } catch (corps::Error const& error) {
          if (outcome.wrong.empty()) outcome.wrong = probe::line_of(error);
        }
      }
    }
    co_return outcome;
  }
};

class CutLinks : public corps::Corps {
  corps::Task<> on_main() override {
    auto const count = probe::number(my_config(), 0, 1000);
    auto const between_cuts = probe::number(my_config(), 1, 40);
    auto const receivers = co_await corps::create<Receiver>(corps::per_env(1));
    auto const senders = co_await corps::create<Sender>(corps::per_env(1));
    std::vector<corps::Future<Outcome>> runs;
    auto const begin_ns = probe::now_ns();
    for (auto const sender : senders) runs.push_back(sender.call<&Sender::run>(receivers, count, between_cuts));
    int failed = 0;
    int cuts = 0;
    for (auto& run : runs) {
      auto const outcome = co_await run;
      cuts += outcome.cuts;
      if (outcome.wrong.empty()) continue;
      ++failed;
      say("wrong: %s", outcome.wrong.c_str());
    }
    auto const end_ns = probe::now_ns();
    for (auto const receiver : receivers) {
      auto const wrong = co_await receiver.call<&Receiver::wrong>();
      if (!wrong.empty()) say("wrong at env %u: %s", receiver.address().env, wrong.c_str());
      if (!wrong.empty()) ++failed;
      for (auto const sender : senders) {
        if (sender.address().env == receiver.address().env) continue;
        auto const received = co_await receiver.call<&Receiver::received>(sender.address().env);
        if (received == 2 * count) continue;
        ++failed;
        say("wrong: env %u has %d of env %u", receiver.address().env, received, sender.address().env);
      }
    }
    say("%zu envs, %d failed, %d cuts, %.1f ms", senders.size(), failed, cuts, probe::ms(begin_ns, end_ns));
  }
};

int main(int argc, char** argv) { return corps::run<CutLinks>(argc, argv); }
