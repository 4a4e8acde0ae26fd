// Calls between all Envs, while each of them breaks all of its connections again and again.
// Arguments: how many calls and tells each sends to each; after how many of them it breaks its connections.
// Or `streams`: the same with streams between three Envs, of which two are killed in the middle of one in the end.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <csignal>
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

constexpr int items = 20'000;
constexpr int items_between_cuts = 3'000;
std::atomic<int> cuts_by_readers{0};

/// What was read, before the stream ended.
struct Read {
  int items = 0;
  bool in_order = true;
  std::string error;
};

corps::Task<Read> read(corps::Stream<int> numbers, int cut_every, int items_max) {
  Read read;
  try {
    while (read.items < items_max) {
      auto const number = co_await numbers.next();
      if (!number) break;
      read.in_order = read.in_order && *number == read.items;
      if (++read.items % cut_every == 0) cuts_by_readers += cut_connections();
    }
  } catch (corps::Error const& error) {
    read.error = probe::line_of(error);
  }
  co_return read;
}

class Feed : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;

  int pid() { return ::getpid(); }
  corps::Stream<int> count(int to, int cut_every) {
    for (int i = 0; i < to; ++i) {
      if (i % cut_every == cut_every - 1) cut_connections();
      co_yield i;
    }
  }
  /// Until nobody reads any more; how it learns that, ended() says.
  corps::Stream<int> endless() {
    auto const ended = std::make_shared<corps::Promise<std::string>>(std::move(ended_));
    try {
      for (int i = 0;; ++i) co_yield i;
    } catch (corps::Error const& error) {
      ended->set_value(probe::line_of(error));
    }
  }
  corps::Later<std::string> ended() { return ended_.later(); }
  corps::Task<Read> read_all(corps::Stream<int> numbers, int cut_every) {
    auto reading = read(std::move(numbers), cut_every, items);
    co_return co_await std::move(reading);
  }
  /// Reads for ever.
  corps::Task<> drain(corps::Name<Feed> from, corps::Name<Feed> reporter) {
    auto asking = from.call<&Feed::endless>();
    auto numbers = co_await asking;
    for (int i = 0;; ++i) {
      (void)co_await numbers.next();
      if (i == items) reporter.tell<&Feed::note>();
    }
  }
  void note() { noted_.set_value(); }
  corps::Later<void> noted() { return noted_.later(); }

 private:
  corps::Promise<std::string> ended_;
  corps::Promise<void> noted_;
};

class CutLinks : public corps::Corps {
  corps::Task<> on_main() override {
    if (probe::argument(my_config(), 0) == "streams") {
      auto streaming = streams();
      co_await std::move(streaming);
      co_return;
    }
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

  static void report(char const* what, Read const& read) {
    say("%s: %d items %s | %s", what, read.items, read.in_order ? "in order" : "out of order", read.error.c_str());
  }
  corps::Task<> streams() {
    auto const here = co_await corps::create<Feed>(corps::here());
    auto const one = co_await corps::create<Feed>(corps::env(1));
    auto const two = co_await corps::create<Feed>(corps::env(2));
    auto counting = one.call<&Feed::count>(items, items_between_cuts);
    auto numbers = co_await counting;
    report("result", co_await read(std::move(numbers), items_between_cuts + 500, items + 1));
    auto own_counting = here.call<&Feed::count>(items, items_between_cuts);
    auto own_numbers = co_await own_counting;
    auto reading = one.call<&Feed::read_all>(std::move(own_numbers), items_between_cuts + 500);
    report("argument", co_await reading);

    auto ended = here.call<&Feed::ended>();
    auto noted = here.call<&Feed::noted>();
    two.tell<&Feed::drain>(here, here);
    co_await noted;
    auto const consumer = co_await two.call<&Feed::pid>();
    ::kill(consumer, SIGKILL);
    auto const how = co_await ended;
    say("consumer killed: %s", how.c_str());

    auto asking = one.call<&Feed::endless>();
    auto endless = co_await asking;
    (void)co_await endless.next();
    auto const producer = co_await one.call<&Feed::pid>();
    ::kill(producer, SIGKILL);
    Read last;
    last.items = 1;
    try {
      while (auto const number = co_await endless.next()) last.in_order = last.in_order && *number == last.items++;
    } catch (corps::Error const& error) {
      last.error = probe::line_of(error);
    }
    say("producer killed: %s | %s", last.in_order ? "in order" : "out of order", last.error.c_str());
    say("%d cuts", cuts_by_readers.load());
  }
};

int main(int argc, char** argv) { return corps::run<CutLinks>(argc, argv); }
