#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corps::startup {

inline constexpr std::size_t config_file_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t toml_depth_max = 32;  // nested brackets, and parts of a dotted key

/// One value of a file. Numbers and booleans are kept as their shortest text.
struct TomlValue {
  enum class Kind : std::uint8_t { boolean, integer, real, text, date, list, empty_table, table_in_list };
  Kind kind = Kind::text;
  std::string text;
  std::vector<TomlValue> items;  // of a list
};

/// A key with its full dotted name.
struct TomlEntry {
  std::string key;
  TomlValue value;
  std::size_t line = 0;
};

/// The bytes of a regular file of at most config_file_bytes_max. Never waits (a FIFO is refused) and never reads more than that.
/// Throws ConfigError.
std::string read_config_file(std::string const& path);

/// All values, in the order of their lines; tables are flattened to dotted keys. `bytes` may be anything; `file` is for messages.
/// Throws ConfigError.
std::vector<TomlEntry> parse_toml(std::string_view bytes, std::string const& file);

/// One value as it would stand behind `key =` on a single line. Nothing if `text` is not exactly that: then it is bare text.
std::optional<std::vector<TomlEntry>> parse_toml_value(std::string const& key, std::string_view text);

/// What the value is, for messages: "an integer".
std::string_view describe(TomlValue::Kind kind) noexcept;

}  // namespace corps::startup
