// ZeroMQ's rows: DEALER asks, ROUTER answers, over an abstract Unix socket or TCP. The options are ZeroMQ's own but for the
// high-water mark: where it is reached a ROUTER drops answers without a word.
#include <poll.h>

#include <cstring>
#include <zmq.hpp>

#include "test/bench/links.hpp"
#include "test/bench/open_loop.hpp"
#include "test/bench/pairs.hpp"

namespace {

std::string endpoint_of(std::uint16_t port) {
  if (bench::over_tcp()) return "tcp://127.0.0.1:" + (port == 0 ? "*" : std::to_string(port));
  return "ipc://@" + bench::own_socket_name();
}

/// A DEALER in this process, and a ROUTER in another that sends back what it gets, or how much of a large one it was.
class Pair {
 public:
  Pair() {
    dealer_.set(zmq::sockopt::sndhwm, 0);
    dealer_.set(zmq::sockopt::rcvhwm, 0);
    dealer_.connect(other_.port() != 0 ? endpoint_of(other_.port()) : endpoint_);
  }
  void send(std::string const& text) {
    zmq::message_t message{text.data(), text.size()};
    dealer_.send(message, zmq::send_flags::none);
  }
  void receive() {
    zmq::message_t message;
    bench::expect(dealer_.recv(message).has_value() && message.size() != 0, "an answer is wrong");
  }
  /// An answer if there is one now.
  bool try_receive(zmq::message_t& message) { return dealer_.recv(message, zmq::recv_flags::dontwait).has_value(); }
  /// After try_receive() had nothing: until it may have something, or the time has come. ZeroMQ's own wait counts in
  /// milliseconds.
  void wait_until(std::int64_t until_ns) {
    auto const left_ns = until_ns - bench::now_ns();
    if (left_ns <= 0) return;
    pollfd wanted{.fd = dealer_.get(zmq::sockopt::fd), .events = POLLIN, .revents = 0};
    timespec const limit{.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
    ::ppoll(&wanted, 1, &limit, nullptr);
  }

 private:
  static void serve(std::string const& endpoint, auto const& ready) {
    zmq::context_t context;
    zmq::socket_t router{context, zmq::socket_type::router};
    router.set(zmq::sockopt::sndhwm, 0);
    router.set(zmq::sockopt::rcvhwm, 0);
    router.bind(endpoint);
    auto const bound = router.get(zmq::sockopt::last_endpoint);
    ready(bench::over_tcp() ? static_cast<std::uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1))) : std::uint16_t{0});
    for (;;) {
      zmq::message_t from;
      zmq::message_t text;
      bench::expect(router.recv(from).has_value() && router.recv(text).has_value(), "recv");
      if (text.size() == bench::large_bytes) {
        auto const size = static_cast<std::uint64_t>(text.size());
        text.rebuild(&size, sizeof(size));
      }
      router.send(from, zmq::send_flags::sndmore);
      router.send(text, zmq::send_flags::none);
    }
  }

  std::string const endpoint_ = endpoint_of(0);
  bench::OtherProcess other_{[this](auto const& ready) { serve(endpoint_, ready); }};
  zmq::context_t context_;
  zmq::socket_t dealer_{context_, zmq::socket_type::dealer};
};

void load() {
  Pair pair;
  std::string text(bench::small_bytes, 'x');
  bench::PairRows<Pair>::warm_up(pair);
  bench::OpenLoop loop{bench::calls_per_second};
  while (!loop.is_over()) {
    for (; loop.is_due(); pair.send(text)) {
      auto const due_ns = loop.make();
      std::memcpy(text.data(), &due_ns, sizeof(due_ns));
    }
    zmq::message_t answer;
    while (pair.try_receive(answer)) {
      std::int64_t due_ns = 0;
      std::memcpy(&due_ns, answer.data(), sizeof(due_ns));
      loop.answered(due_ns);
    }
    pair.wait_until(loop.idle_until_ns());
  }
  loop.report();
}

}  // namespace

int main(int argc, char** argv) { return bench::PairRows<Pair>::run(argc, argv, &load); }
