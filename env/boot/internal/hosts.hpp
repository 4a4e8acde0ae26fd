#pragma once

#include <map>
#include <string>
#include <vector>

#include "corps/config.hpp"
#include "env/boot/internal/settings.hpp"
#include "env/boot/internal/toml_reader.hpp"

namespace corps::startup {

inline constexpr std::string_view hosts_key = "hosts";

/// The tables [hosts.NAME] of all layers. Not thread-safe.
class HostTables {
 public:
  /// `key`: "h2.launch"; `place`: where it stands. A later layer wins. Throws BadValue.
  void put(std::string const& key, TomlValue const& value, std::string const& place);

  /// The hosts in the order in which their Envs are numbered: first the one where the Corps is booted, then by name. Throws
  /// ConfigError, naming a place.
  std::vector<HostSettings> finish(NetSettings const& net) const;

  bool empty() const noexcept { return tables_.empty(); }
  /// Where the first host is set.
  std::string const& place() const { return tables_.begin()->second.items.begin()->second.source; }
  /// Each key that is set, for people.
  std::vector<detail::ConfigItem> items() const;

 private:
  struct Table {
    HostSettings settings;
    std::map<std::string, detail::ConfigItem> items;
  };
  std::map<std::string, Table> tables_;
};

/// What a key of a host means, in one line. Null if there is no such key.
char const* meaning_of_host_key(std::string_view name) noexcept;

}  // namespace corps::startup
