// Boots, and ends in the way that its first argument says.
#include "system_probe.hpp"

using probe::say;
using probe::Worker;
using namespace std::chrono_literals;

class Lifecycle : public corps::Corps {
 public:
  explicit Lifecycle(corps::Config const& config) : mode_(probe::argument(config, 0)) {}

  void note(std::string text) { say("%s", text.c_str()); }

 protected:
  corps::Task<> on_start() override {
    if (mode_ == "fail") throw std::runtime_error{"the front does not want to start"};
    workers_ = co_await corps::create<Worker>(corps::per_env(1));
    for (auto const worker : workers_) {
      auto const pid = co_await worker.call<&Worker::pid>();
      say("env %u pid %d", worker.address().env, pid);
    }
    say("ready");
  }

  /// "serve" has no activity of its own.
  corps::Task<> on_main() override {
    if (mode_ == "serve" || mode_ == "serve_stuck") return serve();
    return run();
  }

 private:
  corps::Task<> serve() {
    if (mode_ == "serve_stuck")
      for (auto const worker : workers_) worker.tell<&Worker::sleep_for_ever>();
    return {};
  }

  corps::Task<> run() {
    auto const target = workers_.at(static_cast<std::size_t>(probe::number(my_config(), 1)));
    if (mode_ == "spin") target.tell<&Worker::spin>();
    if (mode_ == "sleep") target.tell<&Worker::sleep_for_ever>();
    if (mode_ == "spin" || mode_ == "sleep") co_await running(target);
    if (mode_ == "stop_from") {
      target.tell<&Worker::stop_corps>(7);
      co_await corps::Name<Worker>{target}.within(1min).call<&Worker::sleep>(60'000);
    }
    if (mode_ == "spin_here") {
      co_await target.call<&Worker::pid>();
      say("spinning");
      for (bool volatile going = true; going;) {
      }
    }
    if (mode_ == "throw") throw std::runtime_error{"the end of on_main"};
    if (mode_ == "crash") {
      auto const how = probe::argument(my_config(), 2);
      try {
        co_await target.call<&Worker::end_process>(how);
      } catch (corps::Error const& error) {
        say("crash: %s", probe::line_of(error).c_str());
      }
      try {
        co_await target.call<&Worker::pid>();
      } catch (corps::Error const& error) {
        say("later: %s", probe::line_of(error).c_str());
      }
    }
    say("ending at %lld", static_cast<long long>(probe::now_ns()));
  }

  /// The Worker is inside the method that never returns: it does not answer any more.
  static corps::Task<> running(corps::Name<Worker> worker) {
    try {
      co_await worker.within(100ms).call<&Worker::pid>();
    } catch (corps::Timeout const&) {
      co_return;
    }
    throw std::logic_error{"the Worker answers, though it should be stuck"};
  }

  std::string mode_;
  probe::Workers workers_;
};

int main(int argc, char** argv) { return corps::run<Lifecycle>(argc, argv); }
