#pragma once

#include <corps/corps.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// What the programs of the system tests share: a Worker with which most things can be done, and lines for the test to read.
namespace probe {

/// Prints one line at once: the test waits for it.
__attribute__((format(printf, 1, 2))) inline void say(char const* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::putchar('\n');
  std::fflush(stdout);
}

/// The clock that all processes of a host share.
inline std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
inline double ms(std::int64_t from_ns, std::int64_t to_ns) { return static_cast<double>(to_ns - from_ns) / 1e6; }

/// An error as one line: "WorkerLost no: text", where the second word says whether the method ran.
inline std::string line_of(corps::Error const& error) {
  constexpr char const* ran[] = {"no", "maybe", "yes"};
  std::string line{error_name(error.code())};
  line += std::string{" "} + ran[static_cast<int>(error.info().ran)] + ": " + error.text();
  for (auto& letter : line)
    if (letter == '\n') letter = ' ';
  return line;
}

/// Stops a process that this one has started: returns when none of its threads runs any more.
inline void stop_process(int pid) {
  siginfo_t stopped{};
  if (::kill(pid, SIGSTOP) != 0 || ::waitid(P_PID, static_cast<id_t>(pid), &stopped, WSTOPPED | WNOWAIT) != 0)
    throw std::runtime_error("cannot stop a process");
}

class Worker : public corps::Conc {
 public:
  int pid() { return ::getpid(); }
  int add(int n) { return total_ += n; }
  std::string echo(std::string text) { return text; }
  std::size_t size_of(std::string text) { return text.size(); }
  std::string of_size(std::size_t bytes) { return std::string(bytes, 'x'); }
  void take(std::string) {}
  void sleep(int limit_ms) { ::usleep(static_cast<useconds_t>(limit_ms) * 1000); }  // check-ok: a Worker at work
  void say_that(std::string text) { say("%s", text.c_str()); }

  void spin() {
    for (bool volatile going = true; going;) {
    }
  }
  void sleep_for_ever() {
    for (;;) ::pause();
  }
  void stop_corps(int exit_code) { corps::stop(exit_code); }
  void end_process(std::string how) {
    if (how == "abort") std::abort();
    if (how == "segv") ::raise(*static_cast<int volatile*>(nullptr));
    if (how == "overflow") total_ += deeper(1);
    if (how == "exit") std::_Exit(3);
    if (how == "kill") ::kill(::getpid(), SIGKILL);
  }
  void take_memory(std::size_t bytes) { memory_.assign(bytes, 'x'); }

 private:
  /// Needs more stack than there is.
  static int deeper(int level) {
    char volatile room[4096];
    room[0] = static_cast<char>(level);
    return level == 0 ? room[0] : deeper(level + 1) + room[0];
  }

  int total_ = 0;
  std::string memory_;
};

using Workers = std::vector<corps::Name<Worker>>;

/// Of an application whose first argument says what it does.
inline std::string argument(corps::Config const& config, std::size_t index, std::string otherwise = {}) {
  return index < config.arguments().size() ? config.arguments()[index] : otherwise;
}
inline int number(corps::Config const& config, std::size_t index, int otherwise = 0) {
  auto const text = argument(config, index);
  return text.empty() ? otherwise : std::stoi(text);
}

}  // namespace probe
