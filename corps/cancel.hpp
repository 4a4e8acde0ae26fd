#pragma once

#include "corps/detail/envelope.hpp"

namespace corps {

/// Looks, from any thread, whether the caller has given up the request for which the token was taken.
/// Threads: any. It refers to the request and must not be used after its method, or the Task of it, has ended.
class CancelToken {
 public:
  /// Of nothing: never cancelled.
  CancelToken() noexcept = default;
  explicit CancelToken(detail::Request const& request) noexcept : request_(&request) {}

  bool cancelled() const noexcept { return request_ != nullptr && request_->is_cancelled(); }

 private:
  detail::Request const* request_ = nullptr;
};

/// Of the request, or the spawned Task, that runs now; of nothing on a plain thread and in `on_...` hooks. For loops that
/// compute long, in this thread or in helpers that the method waits for.
CancelToken my_cancel() noexcept;

/// Whether the caller of the method that runs now has given it up (Future::cancel), so that its result is of no use any more.
/// A few ns. The word of a caller in another Env takes as long as a call does.
bool cancelled() noexcept;

}  // namespace corps
