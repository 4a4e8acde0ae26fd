#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "corps/config.hpp"
#include "env/boot/internal/command_line.hpp"
#include "env/boot/internal/hosts.hpp"
#include "env/boot/internal/keys.hpp"
#include "env/boot/internal/settings.hpp"
#include "env/boot/internal/toml_reader.hpp"

namespace corps::startup {

inline constexpr std::string_view default_source = "default";

/// A checked configuration and where each of its values came from.
struct Loaded {
  Settings settings;
  Config config;                          // what the application sees
  std::vector<detail::ConfigItem> hosts;  // what is set of them, as text
  std::vector<std::string> sources;       // of keys(), in their order: "app.toml:7", "CORPS_ENVS", "--set", default_source

  std::string const& source_of(std::string_view key) const;
};

/// Puts layers on top of each other. Add them from the weakest to the strongest; each function throws ConfigError with one line
/// "place: what is wrong; remedy", after which the object is to be dropped. Not thread-safe.
class Layers {
 public:
  Layers();

  /// A file; a relative corps.program in it is relative to its folder.
  void add_file(std::string const& path);
  /// The content of a file that has been read already.
  void add_text(std::string_view bytes, std::string const& file);
  /// "NAME=value" each; only names that begin with CORPS_ are looked at.
  void add_environment(std::vector<std::string> const& environment);
  /// "key=value" of an option, where `args.x` is short for corps.args.x.
  void add_option(CommandLine::Assignment const& option);

  /// Checks the rules between keys and hands the result out. `program` gives the tag where nothing else does.
  Loaded finish(std::string const& program, std::vector<std::string> arguments);

 private:
  struct Place {
    std::string text;    // "app.toml:7", for messages and sources
    std::string folder;  // that a relative program is relative to; empty: the working directory
  };

  void put(std::string const& key, TomlValue const& value, std::string const& written, Place const& place);
  void put_argument(std::string const& name, TomlValue const& value, std::string const& written, Place const& place);
  void put_bare(std::string const& key, std::string const& text, Place const& place);
  void check_rules() const;
  void check_tls_rules() const;
  void put_hosts();
  std::string describe(Key const& key) const;

  Settings settings_;
  std::vector<std::string> sources_;
  HostTables hosts_;
  std::map<std::string, detail::ConfigItem> arguments_;  // by the dotted name below corps.args
  std::vector<std::string> files_;
};

/// The whole configuration of a command line: built-in defaults, its files, `environment` ("NAME=value" each), its options.
/// Reads nothing but those files. Throws ConfigError.
Loaded load(CommandLine const& line, std::vector<std::string> const& environment);

/// Throws ConfigError, naming the place of `corps.program`, unless that is an executable file. Only `corps boot` needs one.
void check_program(Loaded const& loaded);

/// Every key with its value, source, default, range, unit and meaning, then the keys of the application: a table, or JSON.
std::string render_config(Loaded const& loaded, bool json);

/// Writes render_config() to stdout. The exit code: 0, or 1 if stdout does not take it.
int print_config(Loaded const& loaded, bool json);

}  // namespace corps::startup
