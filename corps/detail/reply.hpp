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
  std::optional<Stored<R>> result;
};

/// Takes the result out of the coroutine of the request, which has ended; throws what it threw.
template <class R>
void collect_task(Reply<R>& request) {
  auto& promise = std::coroutine_handle<TaskPromise<R>>::from_address(request.frame.address()).promise();
  if constexpr (std::is_void_v<R>) {
    promise.take();
    request.result.emplace();
  } else {
    request.result.emplace(promise.take());
  }
}

}  // namespace corps::detail
