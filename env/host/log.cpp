#include "env/host/internal/log.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "corps/error.hpp"

namespace corps::host {
namespace {

static_assert(static_cast<int>(Level::off) == SPDLOG_LEVEL_OFF - 1, "our levels are spdlog's without `critical`");

spdlog::level::level_enum to_spdlog(Level level) noexcept {
  return level == Level::off ? spdlog::level::off : static_cast<spdlog::level::level_enum>(level);
}

std::shared_ptr<spdlog::logger> make_logger(LogOptions const& options) {
  auto const sink = options.file.empty() ? spdlog::sink_ptr{std::make_shared<spdlog::sinks::stderr_sink_mt>()}
                                         : spdlog::sink_ptr{std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file)};
  auto logger = std::make_shared<spdlog::logger>(options.name, sink);
  logger->set_level(to_spdlog(options.level));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l [%n] %v");
  logger->flush_on(spdlog::level::trace);
  return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = make_logger({Level::warn, {}, "corps"});
  return instance;
}

}  // namespace

void open_log(LogOptions const& options) {
  try {
    logger() = make_logger(options);
  } catch (spdlog::spdlog_ex const& error) {
    throw ConfigError{fmt::format("log.file = \"{}\": {}; choose a file that can be written", options.file, error.what())};
  }
}

void log(Level level, std::string_view text) noexcept {
  try {
    logger()->log(to_spdlog(level), spdlog::string_view_t{text.data(), text.size()});
  } catch (...) {  // NOLINT: there is nowhere left to say it
  }
}

bool logs(Level level) noexcept { return logger()->should_log(to_spdlog(level)); }

}  // namespace corps::host
