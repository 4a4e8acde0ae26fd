#pragma once

#include <coroutine>
#include <cstdint>

#include "corps/detail/local_request.hpp"

namespace corps::detail {

/// A wait of a Worker for something that is no call: one of several Futures, or room in a stream. It ends with the deadline
/// of the request that waits, and when that is cancelled. It is never sent and lives in its owner; it can be used again.
/// Threads: the Worker, or the plain thread, that waits.
class Pause final : public LocalRequest<> {
 public:
  Pause() noexcept : LocalRequest(nullptr) {}
  /// Whoever waits is gone.
  ~Pause() override;

  /// Lets the coroutine go on after `wake`, and at `until_ns` or the deadline of the current request at the latest.
  void wait(std::coroutine_handle<> awaiting, std::int64_t until_ns = never_ns);
  /// The same, blocking.
  void block(std::int64_t until_ns = never_ns);
  /// What is waited for has come. Runs the coroutine, which may destroy this.
  void wake() noexcept;
  bool waits() const noexcept { return waits_; }
  /// After the wait: why it ended early, or null. Once.
  std::unique_ptr<ErrorInfo> finish() noexcept;

 private:
  void begin(std::int64_t until_ns);
  void stop() noexcept;

  bool waits_ = false;
};

}  // namespace corps::detail
