// The command `corps`: boots an application from its config file, shows configurations, what a process does, its links, and its
// version.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

#include "corps/error.hpp"
#include "env/boot/internal/command_line.hpp"
#include "env/boot/internal/layers.hpp"
#include "env/host/internal/process.hpp"
#include "env/net/internal/dump_socket.hpp"

namespace {

using corps::startup::CommandLine;

constexpr int exit_failure = 1;

int complain(std::string const& text, int exit_code) {
  std::fprintf(stderr, "corps: %s\n", text.c_str());
  return exit_code;
}

// Becomes the application, so that no process of ours remains: signals, the terminal and the exit code are the application's.
[[noreturn]] void become_application(CommandLine const& line, corps::startup::Loaded const& loaded) {
  std::string const& program = loaded.settings.corps.program;
  std::vector<std::string> words = corps::startup::application_command(line, program);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  ::execve(program.c_str(), argv.data(), environ);
  int const error = errno;
  throw corps::ConfigError(loaded.source_of("corps.program") + ": cannot start '" + program +
                           "': " + std::generic_category().message(error) +
                           "; let corps.program name a program that is built for this machine");
}

int ask(CommandLine const& line, corps::net::Question::Subject subject) {
  std::string const answer = corps::net::ask_process(line.process, {subject, line.json});
  bool const written = std::fwrite(answer.data(), 1, answer.size(), stdout) == answer.size() && std::fflush(stdout) == 0;
  return written ? 0 : exit_failure;
}

// The configuration is loaded here as the application will do it again, so that what is wrong with it shows before anything
// starts.
int run(CommandLine const& line) {
  if (line.action == CommandLine::Action::dump) return ask(line, corps::net::Question::Subject::dump);
  if (line.action == CommandLine::Action::links) return ask(line, corps::net::Question::Subject::links);
  corps::startup::Loaded const loaded = corps::startup::load(line, corps::startup::environment_of(environ));
  if (line.action == CommandLine::Action::print_config) {
    return corps::startup::print_config(loaded, line.json);
  }
  corps::startup::check_program(loaded);
  become_application(line, loaded);
}

}  // namespace

int main(int argc, char** argv) {
  corps::host::open_standard_descriptors();
  try {
    CommandLine const line = corps::startup::parse_command(argc, argv);
    return line.action == CommandLine::Action::say ? corps::startup::say(line) : run(line);
  } catch (corps::ConfigError const& error) {
    return complain(error.text(), corps::startup::exit_bad_config);
  } catch (corps::Error const& error) {
    return complain(error.text(), exit_failure);
  } catch (std::exception const& error) {
    return complain(error.what(), exit_failure);
  }
}
