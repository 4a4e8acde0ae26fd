#pragma once

#include "corps/detail/cell.hpp"

namespace corps::mail {

/// Keeps what a step of a Worker knows of itself while others of its Tasks go on inside of it.
class Within {
 public:
  explicit Within(detail::Cell& cell) noexcept
      : cell_(cell), context_(cell.context), doing_(cell.doing.load(std::memory_order_relaxed)) {}
  ~Within() {
    cell_.context = context_;
    cell_.doing.store(doing_, std::memory_order_relaxed);
  }
  Within(Within const&) = delete;
  Within& operator=(Within const&) = delete;

 private:
  detail::Cell& cell_;
  detail::CallContext context_;
  detail::MethodRecord const* doing_;
};

}  // namespace corps::mail
