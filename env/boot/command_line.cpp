#include "env/boot/internal/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <utility>

#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/version.hpp"

namespace corps::startup {
namespace {

constexpr std::string_view layers_help =
    "Values come, later over earlier, from the built-in defaults, the config files in the order given, the\n"
    "environment (CORPS_LIMITS_FRAME=64KiB), and --set limits.frame=64KiB. `corps config` lists every key.\n";

using Action = CommandLine::Action;

/// The user's words: what CLI11 reads, and behind the first `--`, which CLI11 never sees, what is the application's.
struct Words {
  std::string program;
  std::vector<std::string> options;
  std::vector<std::string> rest;
};

Words words_of(int argc, char const* const* argv) {
  std::vector<std::string> const all{argv, argv + std::max(argc, 0)};
  if (all.empty()) return {};
  auto const dashes = std::find(all.begin() + 1, all.end(), "--");
  return {all.front(), {all.begin() + 1, dashes}, {dashes == all.end() ? dashes : dashes + 1, all.end()}};
}

std::string short_name(std::string const& program, std::string_view otherwise) {
  auto const name = std::filesystem::path{program}.filename().string();
  return name.empty() ? std::string{otherwise} : printable(name);
}

CommandLine complaint(std::string_view name, std::string_view what, std::string_view usage) {
  CommandLine line;
  line.action = Action::say;
  line.exit_code = exit_bad_command_line;
  line.message = fmt::format("{}: {}\nUsage: {}Run '{} --help' for all options.\n", name, printable(what), usage, name);
  return line;
}

CommandLine answer(std::string message) {
  CommandLine line;
  line.action = Action::say;
  line.message = std::move(message);
  return line;
}

/// CLI11's help, with our own usage lines and only the name behind an option that takes a value.
class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string_view usage) : usage_(usage) { column_width(24); }
  std::string make_description(CLI::App const* /*app*/) const override { return {}; }
  std::string make_usage(CLI::App const* app, std::string /*name*/) const override {
    return fmt::format("Usage: {}\n{}\n", usage_, app->get_description());
  }
  std::string make_option_opts(CLI::Option const* option) const override {
    return option->get_type_size() == 0 ? "" : " " + value_name(*option);
  }

 private:
  static std::string value_name(CLI::Option const& option) {
    auto const name = option.get_type_name();
    return name.substr(0, name.find(':'));  // without the range that CLI11 adds
  }
  std::string usage_;
};

std::string help_of(CLI::App& app, std::string_view usage) {
  app.formatter(std::make_shared<HelpFormatter>(usage));
  auto text = app.help();
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

/// What the options that configure are parsed into.
struct ConfigOptions {
  std::vector<std::string> files;
  std::vector<std::string> sets;
  std::string envs;

  void add_files_to(CLI::App& app) {
    app.add_option("--config", files, "Config file (TOML); may be repeated, later files win")
        ->type_name("FILE")
        ->allow_extra_args(false);
  }
  void add_values_to(CLI::App& app) {
    app.add_option("--set", sets, "Set one key, as in limits.frame=64KiB or args.NAME=VALUE; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->check([](std::string const& text) {
          auto const equals = text.find('=');
          return equals == std::string::npos || equals == 0 ? in_quotes(text) + " is not KEY=VALUE" : std::string{};
        });
    app.add_option("--envs", envs, "Number of Envs (processes), 1 to 1024; wins over --set corps.envs=N")
        ->type_name("N")
        ->check(CLI::Range(1, 1024));
  }
  void move_to(CommandLine& line) {
    line.config_files = std::move(files);
    for (auto& text : sets) line.options.push_back({std::move(text), "--set"});
    if (!envs.empty()) line.options.push_back({"corps.envs=" + envs, "--envs"});
  }
};

/// CLI11 wants the words in reverse. Returns what is wrong with them, or nothing; it never exits the process.
std::string parse(CLI::App& app, std::vector<std::string> words) {
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
    return {};
  } catch (CLI::ParseError const& error) {
    return error.what();
  }
}

/// The words that are no options, as they were written: CLI11's own positional arguments would take "[a,b]" apart.
/// What looks like an option among them is unknown, and is what is wrong.
std::string take_positionals(CLI::App const& app, std::vector<std::string>& positionals) {
  for (auto& word : app.remaining()) {
    if (word.size() > 1 && word.front() == '-') {
      return fmt::format("unknown option {}; arguments of the application that begin with a dash stand behind --",
                         in_quotes(word));
    }
    positionals.push_back(std::move(word));
  }
  return {};
}

/// PID is a number of a process, and nothing else.
CommandLine process_line(Action action, std::string_view usage, std::vector<std::string> const& words, CommandLine line) {
  constexpr std::string_view name = "corps";
  auto const* const command = action == Action::links ? "links" : "dump";
  if (words.size() != 1) return complaint(name, fmt::format("{} needs one PID, the number of a process", command), usage);
  auto const& word = words.front();
  auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), line.process);
  if (error != std::errc{} || end != word.data() + word.size() || line.process <= 0)
    return complaint(name, fmt::format("{} is no PID, the number of a process", in_quotes(word)), usage);
  line.action = action;
  return line;
}

}  // namespace

CommandLine parse_application(int argc, char const* const* argv) {
  auto words = words_of(argc, argv);
  auto const name = short_name(words.program, "application");
  auto const usage = fmt::format("{} [OPTIONS] [ARGUMENT...] [-- ARGUMENT...]\n", name);

  CLI::App app{"ARGUMENTs are for the application; put those that begin with a dash behind --.", name};
  app.set_help_flag();  // --help is a flag like any other, so that CLI11 does not answer by itself
  ConfigOptions config;
  std::vector<std::string> arguments;
  bool help = false;
  bool show_version = false;
  bool print = false;
  CommandLine line;
  config.add_files_to(app);
  config.add_values_to(app);
  app.add_flag("--print-config", print, "Print every key with its value and where that comes from, then exit");
  app.add_flag("--json", line.json, "With --print-config: print JSON");
  app.add_flag("--version", show_version, "Print the version of Corps, then exit");
  app.add_flag("-h,--help", help, "Print this text, then exit");
  app.allow_extras();
  auto wrong = parse(app, words.options);
  if (wrong.empty()) wrong = take_positionals(app, arguments);
  if (!wrong.empty()) return complaint(name, wrong, usage);
  if (help) return answer(fmt::format("{}\n{}", help_of(app, usage), layers_help));
  if (line.json && !print) return complaint(name, "--json needs --print-config", usage);
  if (show_version) return answer(fmt::format("{} (Corps {})\n", name, version));

  line.action = print ? Action::print_config : Action::run;
  line.program = std::move(words.program);
  config.move_to(line);
  line.arguments = std::move(arguments);
  std::move(words.rest.begin(), words.rest.end(), std::back_inserter(line.arguments));
  return line;
}

CommandLine parse_command(int argc, char const* const* argv) {
  auto words = words_of(argc, argv);
  constexpr std::string_view name = "corps";
  constexpr std::string_view boot_usage = "corps boot FILE... [OPTIONS] [-- ARGUMENT...]\n";
  constexpr std::string_view config_usage = "corps config [FILE...] [OPTIONS]\n";
  constexpr std::string_view dump_usage = "corps dump PID [--json]\n";
  constexpr std::string_view links_usage = "corps links PID [--json]\n";
  constexpr std::string_view version_usage = "corps version\n";
  auto const usage =
      fmt::format("{0}{5}{1}{5}{2}{5}{3}{5}{4}", boot_usage, config_usage, dump_usage, links_usage, version_usage, "       ");

  CLI::App app{"Boots Corps applications, shows their configuration, and what they do.", std::string{name}};
  app.set_help_flag();
  app.require_subcommand(0, 1);
  bool help = false;
  app.add_flag("-h,--help", help, "Print this text, then exit");
  CommandLine line;
  ConfigOptions config;
  auto* boot = app.add_subcommand("boot", "Boot the application that the config FILEs describe; ARGUMENTs are for it");
  auto* print = app.add_subcommand("config", "Print every key with value, source, default, range, unit and meaning");
  auto* dump = app.add_subcommand("dump", "Print what the Workers of one process (one Env) of a Corps do and wait for");
  auto* links = app.add_subcommand("links", "Print the links of one process (one Env) of a Corps to the other Envs");
  auto* tell_version = app.add_subcommand("version", "Print the version of Corps");
  for (auto* command : {boot, print}) {
    config.add_values_to(*command);
    command->allow_extras();
  }
  print->add_flag("--json", line.json, "Print JSON");
  for (auto* command : {dump, links}) {
    command->add_flag("--json", line.json, "Print JSON");
    command->allow_extras();
  }
  for (auto* command : {boot, print, dump, links, tell_version}) {
    command->set_help_flag();
    command->add_flag("-h,--help", help, "Print this text, then exit");
  }
  auto wrong = parse(app, words.options);
  if (wrong.empty())
    wrong = take_positionals(app.get_subcommands().empty() ? *print : *app.get_subcommands().front(), config.files);
  if (!wrong.empty()) return complaint(name, wrong, usage);
  if (help) {
    if (boot->parsed()) return answer(fmt::format("{}\n{}", help_of(*boot, boot_usage), layers_help));
    if (print->parsed()) return answer(fmt::format("{}\n{}", help_of(*print, config_usage), layers_help));
    if (dump->parsed()) return answer(help_of(*dump, dump_usage));
    if (links->parsed()) return answer(help_of(*links, links_usage));
    if (tell_version->parsed()) return answer(help_of(*tell_version, version_usage));
    return answer(help_of(app, usage) + "\nRun 'corps COMMAND --help' for the options of a command.\n");
  }
  if (tell_version->parsed()) return answer(fmt::format("corps {}\n", version));
  if (dump->parsed()) return process_line(Action::dump, dump_usage, config.files, std::move(line));
  if (links->parsed()) return process_line(Action::links, links_usage, config.files, std::move(line));
  if (!boot->parsed() && !print->parsed()) return complaint(name, "a command is missing", usage);
  if (boot->parsed() && config.files.empty()) return complaint(name, "boot needs a config FILE", usage);
  if (print->parsed() && !words.rest.empty()) return complaint(name, "config takes no arguments behind --", usage);

  line.action = print->parsed() ? Action::print_config : Action::run;
  line.program = std::move(words.program);
  config.move_to(line);
  line.arguments = std::move(words.rest);
  return line;
}

int say(CommandLine const& line) {
  auto* stream = line.exit_code == 0 ? stdout : stderr;
  bool const written =
      std::fwrite(line.message.data(), 1, line.message.size(), stream) == line.message.size() && std::fflush(stream) == 0;
  return line.exit_code != 0 || written ? line.exit_code : 1;
}

std::vector<std::string> application_command(CommandLine const& line, std::string const& program) {
  std::vector<std::string> command{program};
  for (auto const& file : line.config_files) command.push_back("--config=" + file);
  for (auto const& option : line.options) command.push_back("--set=" + option.text);
  if (!line.arguments.empty()) command.emplace_back("--");
  command.insert(command.end(), line.arguments.begin(), line.arguments.end());
  return command;
}

std::vector<std::string> environment_of(char const* const* environ_list) {
  std::vector<std::string> environment;
  for (; environ_list != nullptr && *environ_list != nullptr; ++environ_list) environment.emplace_back(*environ_list);
  return environment;
}

}  // namespace corps::startup
