#include "env/host/internal/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "corps/error.hpp"
#include "env/host/internal/unique_fd.hpp"

namespace corps::host {
namespace {

static_assert(static_cast<int>(Level::off) == SPDLOG_LEVEL_OFF - 1, "our levels are spdlog's without `critical`");

spdlog::level::level_enum to_spdlog(Level level) noexcept {
  return level == Level::off ? spdlog::level::off : static_cast<spdlog::level::level_enum>(level);
}

/// Writes each line with one system call, so that the lines of several processes stay whole in one file. spdlog's own sinks
/// would hand the descriptor on to what a Worker starts, and make folders that are missing.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LineSink(int fd) noexcept : fd_(fd) {}
  explicit LineSink(UniqueFd file) noexcept : fd_(file.get()), file_(std::move(file)) {}

  void write_text(std::string_view text) {
    std::lock_guard const lock{mutex_};
    write(text.data(), text.size());
  }

 private:
  void sink_it_(spdlog::details::log_msg const& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write(line.data(), line.size());
  }
  void flush_() override {}
  void write(char const* bytes, std::size_t count) const noexcept {
    while (count > 0) {
      auto const written = ::write(fd_, bytes, count);
      if (written < 0 && errno != EINTR) return;
      if (written < 0) continue;
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }

  int fd_;
  UniqueFd file_;
};

std::shared_ptr<spdlog::logger> make_logger(LogOptions const& options) {
  std::shared_ptr<LineSink> sink;
  if (options.file.empty()) {
    sink = std::make_shared<LineSink>(STDERR_FILENO);
  } else {
    UniqueFd file(::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file)
      throw ConfigError{
          fmt::format("log.file = \"{}\": {}; choose a file that can be written", options.file, std::strerror(errno))};
    sink = std::make_shared<LineSink>(std::move(file));
  }
  auto logger = std::make_shared<spdlog::logger>(options.name, std::move(sink));
  logger->set_level(to_spdlog(options.level));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l [%n] %v");
  return logger;
}

/// The logger in use. A copy is taken for each line: another may be set meanwhile.
class Current {
 public:
  std::shared_ptr<spdlog::logger> get() {
    std::lock_guard const lock{mutex_};
    if (logger_ == nullptr) logger_ = make_logger({Level::warn, {}, "corps"});
    return logger_;
  }
  void set(std::shared_ptr<spdlog::logger> logger) {
    std::lock_guard const lock{mutex_};
    logger_.swap(logger);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<spdlog::logger> logger_;
};

/// Never destroyed: threads that outlive main may log.
Current& current() {
  static auto* const instance = new Current;
  return *instance;
}

bool is_control(char letter) noexcept { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; }

/// One line, whatever is in the text: no newline of an exception looks like a line of its own.
std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (auto const letter : text) {
    if (letter == '\n')
      line += "\\n";
    else if (is_control(letter))
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(letter));
    else
      line += letter;
  }
  return line;
}

}  // namespace

void open_log(LogOptions const& options) { current().set(make_logger(options)); }

void log(Level level, std::string_view text) noexcept {
  try {
    auto const logger = current().get();
    if (logger->should_log(to_spdlog(level))) logger->log(to_spdlog(level), one_line(text));
  } catch (...) {  // NOLINT: there is nowhere left to say it
  }
}

void log_text(std::string_view text) noexcept {
  try {
    for (auto const& sink : current().get()->sinks()) static_cast<LineSink&>(*sink).write_text(text);
  } catch (...) {  // NOLINT: there is nowhere left to say it
  }
}

}  // namespace corps::host
