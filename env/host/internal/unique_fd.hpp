#pragma once

#include <unistd.h>

#include <utility>

namespace corps::host {

/// Owns one descriptor and closes it. Moved from or default: holds -1.
/// Threads: as an int; one owner at a time.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(UniqueFd const&) = delete;
  UniqueFd& operator=(UniqueFd const&) = delete;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Gives the descriptor away: the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    int const old = std::exchange(fd_, fd);
    if (old >= 0 && old != fd) {
      ::close(old);  // never tried again, even on EINTR: Linux has closed it by then
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace corps::host
