// Calls between all Envs, while each of them breaks all of its connections again and again.
// Arguments: how many calls and tells each sends to each; after how many of them it breaks its connections.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <deque>

#include "in_order.hpp"

using probe::Receiver;
using probe::Receivers;
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
        calls.emplace_back(receiver.call<&Receiver::called_with>(my_env(), 2 * i + 1, text), text);
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
    auto checks = probe::count_wrong(receivers, count);
    failed += co_await checks;
    say("%zu envs, %d failed, %d cuts, %.1f ms", senders.size(), failed, cuts, probe::ms(begin_ns, end_ns));
  }
};

int main(int argc, char** argv) { return corps::run<CutLinks>(argc, argv); }
