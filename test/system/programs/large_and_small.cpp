// Small calls of one pair of Workers, while another pair sends large arguments over the same link, one after the other.
// Arguments: MB of a large argument; 0: none is sent. How many small calls. How many large ones at least.
#include <algorithm>

#include "system_probe.hpp"

using probe::say;

class Target : public corps::Conc {
 public:
  std::size_t take(std::string text) { return text.size(); }
  int add(int number) { return number + 1; }
};

class LargeSender : public corps::Conc {
 public:
  void end() { ended_ = true; }

  /// Until end(), and `count` at least. Returns how many, or -1.
  corps::Task<int> run(corps::Name<Target> target, std::size_t bytes, int count) {
    std::string const text(bytes, 'x');
    int sent = 0;
    for (; sent < count || !ended_; ++sent) {
      auto const taken = co_await target.call<&Target::take>(text);
      if (taken != bytes) co_return -1;
    }
    co_return sent;
  }
  static constexpr bool corps_interleaved = true;

 private:
  bool ended_ = false;
};

class SmallSender : public corps::Conc {
 public:
  /// Microseconds of each, in order.
  corps::Task<std::vector<double>> run(corps::Name<Target> target, int count) {
    std::vector<double> all;
    for (int i = 0; i < count; ++i) {
      auto const begin_ns = probe::now_ns();
      co_await target.call<&Target::add>(i);
      all.push_back(1e3 * probe::ms(begin_ns, probe::now_ns()));
      co_await corps::sleep_for(std::chrono::microseconds(200));
    }
    std::sort(all.begin(), all.end());
    co_return all;
  }
};

class LargeAndSmall : public corps::Corps {
  corps::Task<> on_main() override {
    auto const bytes = static_cast<std::size_t>(probe::number(my_config(), 0, 100)) * 1'000'000;
    auto const calls = probe::number(my_config(), 1, 2000);
    auto const least = probe::number(my_config(), 2, 1);
    auto const targets = co_await corps::create<Target>(corps::per_env(2));  // the last two in the last Env
    auto const large = co_await corps::create<LargeSender>(corps::env(0));
    auto const small = co_await corps::create<SmallSender>(corps::env(0));
    auto const begin_ns = probe::now_ns();
    corps::Future<int> sends;
    if (bytes != 0) sends = large.call<&LargeSender::run>(targets[targets.size() - 2], bytes, least);
    auto const times = co_await small.call<&SmallSender::run>(targets.back(), calls);
    int sent = 0;
    if (bytes != 0) {
      large.tell<&LargeSender::end>();
      sent = co_await sends;
    }
    auto const at = [&](double part) { return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]; };
    say("%d large, small p50 %.0f us, p99 %.0f us, max %.0f us, %.0f ms", sent, at(0.5), at(0.99), at(1),
        probe::ms(begin_ns, probe::now_ns()));
  }
};

int main(int argc, char** argv) { return corps::run<LargeAndSmall>(argc, argv); }
