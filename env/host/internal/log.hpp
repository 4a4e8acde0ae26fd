#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The log of this process: one line a thing that happened, to stderr or a file.
namespace corps::host {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };

struct LogOptions {
  Level level = Level::info;
  std::string file;  // empty: stderr
  std::string name;  // in every line: "regex/3"
};

/// Sets the log up; until then lines of `warn` and above go to stderr. Throws ConfigError if the file cannot be opened.
void open_log(LogOptions const& options);

/// Writes a line; control characters in the text are written as escapes. Any thread; never throws.
void log(Level level, std::string_view text) noexcept;

/// Writes text of several lines as it is, to where the log goes and whatever its level. Any thread; never throws.
void log_text(std::string_view text) noexcept;

}  // namespace corps::host
