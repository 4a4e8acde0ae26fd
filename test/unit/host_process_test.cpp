// Processes of env/host, with real ones: this program starts itself, and the cases "host child: …" are what the children run.
// Those are skipped in an ordinary run, and report by their exit status; what goes wrong in one of them is on its stdout.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "env/host/internal/boot_descriptor.hpp"
#include "env/host/internal/clock.hpp"
#include "env/host/internal/parent_watch.hpp"
#include "env/host/internal/process.hpp"
#include "env/host/internal/signals.hpp"

namespace host_process_test {

using namespace corps::host;

constexpr int patience_ms = 20'000;  // for what takes milliseconds; only a failure waits so long

// Told to each child.
struct Orders {
  pid_t parent = 0;
  int status = 0;
};

UniqueFd seal(Orders const& orders) { return seal_boot_bytes(std::as_bytes(std::span(&orders, 1))); }

Orders take_orders() {
  SecretBytes const bytes = take_boot_bytes();
  REQUIRE(bytes.bytes().size() == sizeof(Orders));
  Orders orders;
  std::memcpy(&orders, bytes.bytes().data(), sizeof(orders));
  return orders;
}

Spawned start_with(std::string const& role, UniqueFd boot) {
  return SystemProcessHost().spawn_self({"unit_tests", "--test-case=host child: " + role, "--no-skip", "--minimal"},
                                        std::move(boot));
}

Spawned start(std::string const& role, int status = 0) { return start_with(role, seal({::getpid(), status})); }

bool readable(UniqueFd const& fd, int limit_ms = patience_ms) {
  pollfd entry{fd.get(), POLLIN, 0};
  int result = 0;
  do {
    result = ::poll(&entry, 1, limit_ms);
  } while (result < 0 && errno == EINTR);
  return result == 1 && (entry.revents & POLLIN) != 0;
}

// The end of the child, which is killed if it does not come.
Exit end_of(Spawned& child) {
  if (!readable(child.pidfd)) {
    SystemProcessHost().kill(child, SIGKILL);
    FAIL_CHECK("the child did not end");
  }
  return SystemProcessHost().reap(child);
}

std::string end_of_role(std::string const& role, int status = 0) {
  Spawned child = start(role, status);
  return end_of(child).text;
}

std::set<int> open_descriptors() {
  std::set<int> found;
  for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    found.insert(std::stoi(entry.path().filename().string()));
  }
  // The one through which the folder was read is closed by now.
  std::erase_if(found, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });
  return found;
}

bool is_null_device(int fd) {
  struct stat given {};
  struct stat null {};
  return ::fstat(fd, &given) == 0 && ::stat("/dev/null", &null) == 0 && given.st_rdev == null.st_rdev && S_ISCHR(given.st_mode);
}

std::set<int> blocked_signals() {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  std::set<int> found;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (::sigismember(&mask, signal) == 1) {
      found.insert(signal);
    }
  }
  return found;
}

bool has_disposition(int signal, void (*expected)(int)) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == expected;
}

// What the children run.

TEST_CASE("host child: exits with the status it is told" * doctest::skip()) { ::_exit(take_orders().status); }

TEST_CASE("host child: lives until its parent ends" * doctest::skip()) {
  UniqueFd const watch = watch_parent(take_orders().parent);
  REQUIRE(watch);
  readable(watch, -1);
}

TEST_CASE("host child: looks at what it has inherited" * doctest::skip()) {
  // doctest has its own handlers for some signals; these are left as they came.
  for (int const signal : {SIGPIPE, SIGCHLD, SIGHUP, SIGUSR1}) {
    CAPTURE(signal);
    CHECK(has_disposition(signal, SIG_DFL));
  }
  CHECK(blocked_signals() == std::set<int>{SIGINT, SIGTERM, SIGHUP, SIGUSR1});
  CHECK(open_descriptors() == std::set<int>{0, 1, 2, boot_fd});
  take_orders();
  CHECK(open_descriptors() == std::set<int>{0, 1, 2});
  CHECK(is_null_device(STDIN_FILENO));
  CHECK(std::filesystem::equivalent("/proc/self/exe", "/proc/" + std::to_string(::getppid()) + "/exe"));
}

TEST_CASE("host child: takes the signals of a first process" * doctest::skip()) {
  take_orders();
  UniqueFd const signals = take_signals();
  CHECK(has_disposition(SIGPIPE, SIG_IGN));
  CHECK((::fcntl(signals.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_FALSE(next_signal(signals).has_value());
  for (int const signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    CAPTURE(signal);
    ::kill(::getpid(), signal);
    REQUIRE(readable(signals));
    auto const taken = next_signal(signals);
    REQUIRE(taken.has_value());
    CHECK(taken->number == signal);
    CHECK(taken->sender == ::getpid());
  }
  CHECK_FALSE(next_signal(signals).has_value());
  // Threads that start later inherit the mask, so the signal still finds nobody but the descriptor.
  std::thread([] { CHECK(blocked_signals() == std::set<int>{SIGINT, SIGTERM, SIGHUP, SIGUSR1}); }).join();
}

TEST_CASE("host child: was started under nohup" * doctest::skip()) {
  take_orders();
  std::signal(SIGHUP, SIG_IGN);
  UniqueFd const signals = take_signals();
  sigset_t hangup;
  ::sigemptyset(&hangup);
  ::sigaddset(&hangup, SIGHUP);
  ::pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);  // as it is in a process that no Env has started
  ::kill(::getpid(), SIGHUP);
  CHECK_FALSE(next_signal(signals).has_value());
}

TEST_CASE("host child: takes the signals of a child" * doctest::skip()) {
  take_orders();
  ::kill(::getpid(), SIGINT);  // while it is still blocked
  UniqueFd const signals = take_signals_of_child();
  CHECK(blocked_signals() == std::set<int>{SIGTERM, SIGUSR1});
  ::kill(::getpid(), SIGINT);
  ::kill(::getpid(), SIGHUP);
  CHECK_FALSE(next_signal(signals).has_value());
  ::kill(::getpid(), SIGTERM);
  auto const taken = next_signal(signals);
  REQUIRE(taken.has_value());
  CHECK(taken->number == SIGTERM);
}

TEST_CASE("host child: was started with closed standard descriptors" * doctest::skip()) {
  take_orders();
  ::close(STDIN_FILENO);
  ::close(STDERR_FILENO);
  open_standard_descriptors();
  CHECK(is_null_device(STDIN_FILENO));
  CHECK(is_null_device(STDERR_FILENO));
  CHECK(open_descriptors() == std::set<int>{0, 1, 2});
}

TEST_CASE("host child: hands on boot descriptors with low numbers" * doctest::skip()) {
  take_orders();
  for (int const number : {boot_fd, STDIN_FILENO}) {
    CAPTURE(number);
    ::close(number);
    UniqueFd boot = seal({::getpid(), 5 + number});
    REQUIRE(boot.get() == number);
    Spawned child = start_with("exits with the status it is told", std::move(boot));
    CHECK(end_of(child).text == "exited with status " + std::to_string(5 + number));
  }
}

TEST_CASE("host child: waits for the end of its starter" * doctest::skip()) {
  Orders const orders = take_orders();
  UniqueFd const watch = watch_parent(orders.parent);
  REQUIRE(watch);
  CHECK_FALSE(readable(watch, 0));
  ::kill(orders.parent, SIGUSR1);  // the starter may end now
  CHECK(readable(watch));
  CHECK_FALSE(watch_parent(orders.parent));  // too late: another process is the parent
  ::_exit(::getppid() == orders.parent ? 1 : 41);
}

TEST_CASE("host child: starts another one and ends before it" * doctest::skip()) {
  take_orders();
  sigset_t may_end;
  ::sigemptyset(&may_end);
  ::sigaddset(&may_end, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &may_end, nullptr);
  Spawned const child = start("waits for the end of its starter");
  int signal = 0;
  ::sigwait(&may_end, &signal);
  ::_exit(40);
}

TEST_CASE("host child: becomes the foster parent of an orphan" * doctest::skip()) {
  take_orders();
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
  CHECK(end_of_role("starts another one and ends before it") == "exited with status 40");
  int status = 0;
  REQUIRE(::waitpid(-1, &status, 0) > 0);  // the orphan
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 41);
}

// What the parent checks.

TEST_CASE("a process that has ended says how") {
  CHECK(end_of_role("exits with the status it is told", 0) == "exited with status 0");
  CHECK(end_of_role("exits with the status it is told", 3) == "exited with status 3");
  Spawned child = start("exits with the status it is told", 0);
  CHECK(end_of(child).clean);
  child = start("exits with the status it is told", 255);
  CHECK_FALSE(end_of(child).clean);
}

TEST_CASE("a process that is killed says by which signal") {
  SystemProcessHost host;
  for (auto const& [signal, text] :
       {std::pair{SIGKILL, "killed by signal 9 (SIGKILL)"}, std::pair{SIGUSR2, "killed by signal 12 (SIGUSR2)"}}) {
    Spawned child = start("lives until its parent ends");
    CHECK(child.pid > 0);
    CHECK((::fcntl(child.pidfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(host.kill(child, 0));
    CHECK(host.kill(child, signal));
    Exit const end = end_of(child);
    CHECK(end.text == text);
    CHECK_FALSE(end.clean);
    CHECK(child.pid == -1);
    CHECK_FALSE(host.kill(child, signal));
  }
}

TEST_CASE("a process whose end was taken by somebody else is still known to have ended") {
  Spawned child = start("exits with the status it is told", 0);
  REQUIRE(::waitpid(child.pid, nullptr, 0) == child.pid);
  CHECK_FALSE(SystemProcessHost().kill(child, SIGKILL));
  Exit const end = end_of(child);
  CHECK(end.text == "ended, and how is not known: No child processes");
  CHECK_FALSE(end.clean);
}

TEST_CASE("a child inherits the boot descriptor and nothing else that it should not") {
  UniqueFd const leaky(::open("/dev/null", O_RDONLY));  // without CLOEXEC, as a careless library would leave it
  auto const before = std::signal(SIGPIPE, SIG_IGN);
  CHECK(end_of_role("looks at what it has inherited") == "exited with status 0");
  std::signal(SIGPIPE, before);
}

TEST_CASE("a boot descriptor that has the number of stdin or of the child's end arrives too") {
  CHECK(end_of_role("hands on boot descriptors with low numbers") == "exited with status 0");
}

TEST_CASE("several threads start processes at once") {
  constexpr int each = 4;
  std::array<std::thread, 4> threads;
  for (auto& thread : threads) {
    thread = std::thread([] {
      for (int i = 0; i < each; ++i) {
        CHECK(end_of_role("looks at what it has inherited") == "exited with status 0");
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
}

TEST_CASE("sixty-three processes start and end") {
  Clock& clock = Clock::system();
  std::uint64_t const begin = clock.monotonic_ns();
  std::vector<Spawned> children;
  for (int i = 0; i < 63; ++i) {
    children.push_back(start("exits with the status it is told", i));
  }
  std::uint64_t const started = clock.monotonic_ns();
  for (int i = 0; i < 63; ++i) {
    CHECK(end_of(children[static_cast<std::size_t>(i)]).text == "exited with status " + std::to_string(i));
  }
  MESSAGE("63 processes started in " << (started - begin) / 1000 << " us, ended after " << (clock.monotonic_ns() - begin) / 1000
                                     << " us");
}

TEST_CASE("a first process takes the signals that ask to stop through a descriptor") {
  CHECK(end_of_role("takes the signals of a first process") == "exited with status 0");
}

TEST_CASE("a first process leaves the hang-up alone under nohup") {
  CHECK(end_of_role("was started under nohup") == "exited with status 0");
}

TEST_CASE("a child ignores the signals of the terminal and takes SIGTERM") {
  CHECK(end_of_role("takes the signals of a child") == "exited with status 0");
}

TEST_CASE("closed standard descriptors are replaced") {
  CHECK(end_of_role("was started with closed standard descriptors") == "exited with status 0");
}

TEST_CASE("a child notices the end of its starter, and an orphan is told so at once") {
  CHECK(end_of_role("becomes the foster parent of an orphan") == "exited with status 0");
}

}  // namespace host_process_test
