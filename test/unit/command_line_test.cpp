#include "env/boot/internal/command_line.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "test/unit/config_kit.hpp"

namespace command_line_test {

using namespace config_kit;

CommandLine application(Strings words) {
  words.insert(words.begin(), "/opt/regex_server");
  std::vector<char const*> argv;
  for (auto const& word : words) argv.push_back(word.c_str());
  return parse_application(static_cast<int>(argv.size()), argv.data());
}

CommandLine command(Strings words) {
  words.insert(words.begin(), "/usr/bin/corps");
  std::vector<char const*> argv;
  for (auto const& word : words) argv.push_back(word.c_str());
  return parse_command(static_cast<int>(argv.size()), argv.data());
}

/// A complaint about the command line: exit code 2, and usage.
bool complains(CommandLine const& line, std::string_view part) {
  return line.action == CommandLine::Action::say && line.exit_code == 2 && has(line.message, part) &&
         has(line.message, "Usage: ");
}

TEST_CASE("command line: of an application") {
  auto const line = application({"--config", "a.toml", "find", "--set", "limits.stop=1s", "--config=b.toml", "[0-9],[a-f]",
                                 "--envs", "4", "--set=args.x=a b;$(x)\n", "-", "", "++", "--", "--help", "-x", "--"});
  CHECK(line.action == CommandLine::Action::run);
  CHECK(line.program == "/opt/regex_server");
  CHECK(line.config_files == Strings{"a.toml", "b.toml"});
  CHECK(line.arguments == Strings{"find", "[0-9],[a-f]", "-", "", "++", "--help", "-x", "--"});
  REQUIRE(line.options.size() == 3);
  CHECK(line.options[0].text == "limits.stop=1s");
  CHECK(line.options[1].text == "args.x=a b;$(x)\n");
  CHECK(line.options[2].text == "corps.envs=4");
  CHECK(line.options[2].source == "--envs");

  CHECK(application({}).action == CommandLine::Action::run);
  CHECK(parse_application(0, nullptr).action == CommandLine::Action::run);
  CHECK(application({"--print-config", "--json"}).action == CommandLine::Action::print_config);
  CHECK(application({"--print-config", "--json"}).json);

  auto const help = application({"--help"});
  CHECK(help.action == CommandLine::Action::say);
  CHECK(help.exit_code == 0);
  for (auto const* part : {"Usage: regex_server [OPTIONS]", "--config FILE", "--set KEY=VALUE", "--envs N", "--print-config"}) {
    CAPTURE(part);
    CHECK(has(help.message, part));
  }
  auto const told_version = application({"--version"});
  CHECK(told_version.exit_code == 0);
  CHECK(has(told_version.message, "regex_server (Corps "));
}

TEST_CASE("command line: a wrong one of an application (L01)") {
  CHECK(complains(application({"--foo"}), "regex_server: unknown option '--foo'; arguments of the application"));
  CHECK(complains(application({"-x"}), "unknown option '-x'"));
  CHECK(complains(application({"a", "--timeout", "abc"}), "unknown option '--timeout'"));
  CHECK(complains(application({"--config"}), "--config"));
  CHECK(complains(application({"--set"}), "--set"));
  CHECK(complains(application({"--set", "--", "a=b"}), "--set"));
  CHECK(complains(application({"--set", "limits.frame"}), "'limits.frame' is not KEY=VALUE"));
  CHECK(complains(application({"--set", "=5"}), "is not KEY=VALUE"));
  CHECK(complains(application({"--envs", "abc"}), "--envs"));
  CHECK(complains(application({"--envs", "0"}), "--envs"));
  CHECK(complains(application({"--envs", "1025"}), "--envs"));
  CHECK(complains(application({"--envs", "2", "--envs", "3"}), "--envs"));
  CHECK(complains(application({"--json"}), "--json needs --print-config"));
  CHECK(complains(application({"--a\nb;$(x)"}), "unknown option '--a\\x0ab;$(x)'"));
  CHECK(complains(application({"--set", "a\nb"}), "'a\\x0ab' is not KEY=VALUE"));
}

TEST_CASE("command line: of the tool") {
  auto const boot = command({"boot", "app.toml", "site.toml", "--set", "limits.stop=1s", "--envs=3", "--", "-x", "y z"});
  CHECK(boot.action == CommandLine::Action::run);
  CHECK(boot.config_files == Strings{"app.toml", "site.toml"});
  CHECK(boot.arguments == Strings{"-x", "y z"});
  CHECK(application_command(boot, "/opt/server") == Strings{"/opt/server", "--config=app.toml", "--config=site.toml",
                                                            "--set=limits.stop=1s", "--set=corps.envs=3", "--", "-x", "y z"});
  // What the tool hands on is read back as the same configuration.
  auto words = application_command(boot, "/opt/server");
  words.erase(words.begin());
  auto const again = application(words);
  CHECK(again.config_files == boot.config_files);
  CHECK(again.arguments == boot.arguments);
  REQUIRE(again.options.size() == boot.options.size());
  for (std::size_t i = 0; i < again.options.size(); ++i) CHECK(again.options[i].text == boot.options[i].text);

  CHECK(command({"config"}).action == CommandLine::Action::print_config);
  auto const config = command({"config", "app.toml", "--json", "--set", "args.a=1"});
  CHECK(config.action == CommandLine::Action::print_config);
  CHECK(config.json);
  CHECK(config.config_files == Strings{"app.toml"});
  CHECK(config.options.size() == 1);
  for (auto const& [word, action] :
       {std::pair{"dump", CommandLine::Action::dump}, std::pair{"links", CommandLine::Action::links}}) {
    auto const line = command({word, "4711", "--json"});
    CHECK(line.action == action);
    CHECK(line.process == 4711);
    CHECK(line.json);
    CHECK(complains(command({word}), std::string{word} + " needs one PID"));
    CHECK(complains(command({word, "0"}), "'0' is no PID"));
    CHECK(has(command({word, "--help"}).message, std::string{"Usage: corps "} + word + " PID [--json]"));
  }
  CHECK(has(command({"version"}).message, "corps "));
  CHECK(command({"version"}).exit_code == 0);
  CHECK(has(command({"--help"}).message, "corps boot FILE... [OPTIONS] [-- ARGUMENT...]"));
  CHECK(has(command({"boot", "--help"}).message, "--set KEY=VALUE"));
  CHECK(has(command({"config", "--help"}).message, "--json"));
  CHECK(has(command({"version", "--help"}).message, "Usage: corps version"));
  CHECK(command({"boot", "--help"}).exit_code == 0);

  CHECK(complains(command({}), "corps: a command is missing"));
  CHECK(complains(command({"start"}), "start"));
  CHECK(complains(command({"boot"}), "boot needs a config FILE"));
  CHECK(complains(command({"boot", "--json", "app.toml"}), "unknown option '--json'"));
  CHECK(complains(command({"boot", "app.toml", "--envs", "many"}), "--envs"));
  CHECK(complains(command({"config", "--", "x"}), "config takes no arguments behind --"));
  CHECK(complains(command({"version", "x"}), "x"));
  CHECK(complains(command({"--foo"}), "--foo"));
}

}  // namespace command_line_test
