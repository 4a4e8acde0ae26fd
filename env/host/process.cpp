#include "env/host/internal/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "env/host/internal/boot_descriptor.hpp"
#include "env/host/internal/pidfd.hpp"
#include "env/host/internal/signals.hpp"
#include "env/host/internal/system_error.hpp"

namespace corps::host {

namespace {

constexpr char const* program_self = "/proc/self/exe";  // the file that runs, even when it has been replaced or deleted since

// The two structures of posix_spawn, freed in any case.
struct FileActions {
  posix_spawn_file_actions_t raw;
  FileActions() { check(::posix_spawn_file_actions_init(&raw), "prepare to start a process"); }
  FileActions(FileActions const&) = delete;
  FileActions& operator=(FileActions const&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&raw); }
};

struct Attributes {
  posix_spawnattr_t raw;
  Attributes() { check(::posix_spawnattr_init(&raw), "prepare to start a process"); }
  Attributes(Attributes const&) = delete;
  Attributes& operator=(Attributes const&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&raw); }
};

// The boot descriptor goes to its place before stdin is opened: it may itself have had the number 0.
void arrange_descriptors(FileActions& actions, int boot) {
  char const* const what = "prepare the descriptors of a process";
  check(::posix_spawn_file_actions_adddup2(&actions.raw, boot, boot_fd), what);
  check(::posix_spawn_file_actions_addopen(&actions.raw, STDIN_FILENO, "/dev/null", O_RDONLY, 0), what);
  check(::posix_spawn_file_actions_addclosefrom_np(&actions.raw, boot_fd + 1), what);
}

void arrange_signals(Attributes& attributes) {
  char const* const what = "prepare the signals of a process";
  sigset_t all;
  ::sigfillset(&all);
  sigset_t const blocked = taken_signal_set();
  check(::posix_spawnattr_setsigdefault(&attributes.raw, &all), what);
  check(::posix_spawnattr_setsigmask(&attributes.raw, &blocked), what);
  check(::posix_spawnattr_setflags(&attributes.raw, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK), what);
}

Exit describe_end(siginfo_t const& info) {
  switch (info.si_code) {
    case CLD_EXITED: return {"exited with status " + std::to_string(info.si_status), info.si_status == 0};
    case CLD_DUMPED: return {"killed by " + signal_text(info.si_status) + ", core dumped", false};
    default: return {"killed by " + signal_text(info.si_status), false};
  }
}

}  // namespace

ProcessHost::~ProcessHost() = default;

Spawned SystemProcessHost::spawn_self(std::vector<std::string> const& argv, UniqueFd boot,
                                      std::vector<std::string> const& launch) {
  FileActions actions;
  Attributes attributes;
  arrange_descriptors(actions, boot.get());
  arrange_signals(attributes);
  auto line = launch;
  line.insert(line.end(), argv.begin(), argv.end());
  // What is launched has another /proc/self/exe.
  if (!launch.empty()) line[launch.size()] = "/proc/" + std::to_string(::getpid()) + "/exe";
  std::vector<char*> words;
  words.reserve(line.size() + 1);
  for (auto& word : line) words.push_back(word.data());
  words.push_back(nullptr);

  Spawned process;
  auto const* const program = launch.empty() ? program_self : launch.front().c_str();
  check(::posix_spawnp(&process.pid, program, &actions.raw, &attributes.raw, words.data(), environ),
        launch.empty() ? std::string("start a process") : "run \"" + launch.front() + "\", which is to start a process there");
  boot.reset();  // first, so that at a limit its number is free for the pidfd
  // No race: the pid of a child is not given away before the child is reaped.
  process.pidfd = open_pidfd(process.pid);
  if (!process.pidfd) {
    int const error = errno;
    ::kill(process.pid, SIGKILL);
    ::waitpid(process.pid, nullptr, 0);
    check(error, "watch a process that was started");
  }
  return process;
}

Exit SystemProcessHost::reap(Spawned& process) {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  int const error = errno;
  process.pid = -1;
  process.pidfd.reset();
  if (result != 0) {
    // Some other code of this process waits for any child, or SIGCHLD is ignored: the end is sure, its kind is gone.
    return {std::string("ended, and how is not known: ") + std::strerror(error), false};
  }
  return describe_end(info);
}

bool SystemProcessHost::kill(Spawned& process, int signal) { return process.pidfd && send_signal(process.pidfd, signal); }

void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // The lowest free number is given out, so this one is `fd`.
      [[maybe_unused]] int const opened = ::open("/dev/null", O_RDWR);
    }
  }
}

}  // namespace corps::host
