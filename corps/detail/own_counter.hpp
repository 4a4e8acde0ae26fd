#pragma once

#include <atomic>
#include <cstdint>

namespace corps::detail {

/// A number that one thread at a time changes and any may read: at the price of a plain one.
class OwnCounter {
 public:
  operator std::uint32_t() const noexcept { return value_.load(std::memory_order_relaxed); }  // NOLINT: as a plain number
  OwnCounter& operator=(std::uint32_t value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  OwnCounter& operator++() noexcept { return *this = *this + 1; }
  OwnCounter& operator--() noexcept { return *this = *this - 1; }

 private:
  std::atomic<std::uint32_t> value_{0};
};

}  // namespace corps::detail
