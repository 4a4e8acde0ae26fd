// Calls between Envs go on all the time, while the test does what it wants to their sockets. Prints how it went when stopped.
#include <thread>

#include "system_probe.hpp"

using probe::say;
using probe::Worker;

class UnderAttack : public corps::Corps {
 public:
  /// "3 calls, no error" since the last time.
  std::string report() {
    auto const text = std::to_string(std::exchange(calls_, 0)) + " calls, " + (error_.empty() ? "no error" : error_);
    error_.clear();
    return text;
  }

 protected:
  corps::Task<> on_start() override {
    auto const workers = co_await corps::create<Worker>(corps::per_env(1));
    for (auto const worker : workers) {
      auto const pid = co_await worker.call<&Worker::pid>();
      say("env %u pid %d", worker.address().env, pid);
      loops_.push_back(corps::spawn(keep_calling(worker)));
    }
    asker_ = std::jthread{ask, corps::name_of(*this)};
    say("ready");
  }

 private:
  /// Prints a report whenever the test writes a letter; stops when it writes no more.
  static void ask(corps::Name<UnderAttack> front) {
    for (char letter = 0; ::read(STDIN_FILENO, &letter, 1) == 1;) {
      auto report = front.call<&UnderAttack::report>();
      say("%s", report.get().c_str());
    }
    corps::stop(0);
  }

  corps::Task<> keep_calling(corps::Name<Worker> worker) {
    for (;;) {
      try {
        co_await worker.call<&Worker::sleep>(2);
        ++calls_;
      } catch (corps::Error const& error) {
        if (error_.empty()) error_ = probe::line_of(error);
      }
    }
  }

  std::vector<corps::Future<void>> loops_;
  std::jthread asker_;
  long calls_ = 0;
  std::string error_;
};

int main(int argc, char** argv) { return corps::run<UnderAttack>(argc, argv); }
