#include "terminal.hpp"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace regex_search {
namespace {

constexpr std::size_t columns_default = 80;

std::size_t columns_of(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : columns_default;
}

std::optional<Walk::FileId> regular_file(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Walk::FileId{status.st_dev, status.st_ino};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto const written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Terminal::Terminal()
    : shows_progress_(isatty(STDERR_FILENO) == 1),
      columns_(columns_of(STDERR_FILENO)),
      output_file_(regular_file(STDOUT_FILENO)) {}

bool Terminal::print(std::string_view hits) { return write_all(STDOUT_FILENO, hits); }

void Terminal::say(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

}  // namespace regex_search
