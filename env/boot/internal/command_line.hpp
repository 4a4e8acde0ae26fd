#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace corps::startup {

inline constexpr int exit_bad_command_line = 2;
inline constexpr int exit_bad_config = 3;

/// What a command line asks for. Everything in it is text of a user: nothing has been looked up, and no file read.
struct CommandLine {
  enum class Action : std::uint8_t {
    run,           // run the application, or of the tool: boot it
    print_config,  // load, print_config(), exit
    dump,          // of the tool: print what a process does
    links,         // of the tool: print its links
    say,           // say(): help, version, or a complaint; then exit with what it returns
  };
  struct Assignment {
    std::string text;    // "key=value"
    std::string source;  // the option it was given with
  };

  Action action = Action::run;
  std::string program;  // argv[0]
  std::vector<std::string> config_files;
  std::vector<Assignment> options;     // in the order in which they count
  std::vector<std::string> arguments;  // the application's own, in order
  bool json = false;                   // of print_config, dump and links
  int process = 0;                     // of dump and links
  std::string message;                 // of say
  int exit_code = 0;                   // of say
};

/// The command line of an application's own executable. Never throws on bad input, never exits, prints nothing.
CommandLine parse_application(int argc, char const* const* argv);

/// The command line of the tool: `corps boot`, `corps config`, `corps dump`, `corps links`, `corps version`. As
/// parse_application().
CommandLine parse_command(int argc, char const* const* argv);

/// Prints the message to stdout, or to stderr if it is a complaint, and returns the exit code.
int say(CommandLine const& line);

/// The arguments with which `corps boot` starts `program` so that it loads the same configuration; program itself comes first.
std::vector<std::string> application_command(CommandLine const& line, std::string const& program);

/// The process environment as load() takes it; `environ_list` ends with a null pointer.
std::vector<std::string> environment_of(char const* const* environ_list);

}  // namespace corps::startup
