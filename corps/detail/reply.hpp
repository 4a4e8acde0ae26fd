#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "corps/detail/envelope.hpp"
#include "corps/detail/tasks.hpp"

namespace corps::detail {

struct Nothing {};
template <class R>
using Stored = std::conditional_t<std::is_void_v<R>, Nothing, R>;

/// The caller's view of a request: where its result will be.
template <class R>
struct Reply : Request {
  using Request::Request;

  void collect() override {
    auto& promise = std::coroutine_handle<TaskPromise<R>>::from_address(frame.address()).promise();
    if constexpr (std::is_void_v<R>) {
      promise.take();
      result.emplace();
    } else {
      result.emplace(promise.take());
    }
  }

  std::optional<Stored<R>> result;
};

}  // namespace corps::detail
