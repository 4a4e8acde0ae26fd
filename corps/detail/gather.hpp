#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "corps/detail/envelope.hpp"
#include "corps/detail/pause.hpp"

namespace corps::detail {

/// Tells which of several calls of a Worker have ended, in the order in which they ended. Each costs the same, however many
/// there are.
/// Threads: the Worker, or the plain thread, that made the calls.
class Gather {
 public:
  /// For at most `places` calls at a time.
  explicit Gather(std::size_t places);
  ~Gather();
  Gather(Gather const&) = delete;
  Gather& operator=(Gather const&) = delete;

  /// Looks after a call, whose Future must stay until it was taken or forgotten. Throws as `checked` does.
  void watch(std::size_t place, Request* request);
  /// Whether some call has ended and was not taken.
  bool ready() const noexcept { return first_ != nullptr; }
  /// The place of the one that has ended first. Only if ready.
  std::size_t take() noexcept;
  /// Blocks until one has ended.
  void block(std::int64_t until_ns = never_ns);
  /// After a wait: throws what ended it, if that was not a call.
  void check();
  void forget(std::size_t place) noexcept;

  Pause pause;

 private:
  struct Place final : Listener {
    void ended(Request&) noexcept override { gather->on_ended(*this); }
    Gather* gather = nullptr;
    Request* request = nullptr;  // while it has not ended
    Place* next = nullptr;
  };
  void on_ended(Place& place) noexcept;

  std::unique_ptr<Place[]> places_;  // NOLINT
  std::size_t count_;
  Place* first_ = nullptr;
  Place* last_ = nullptr;
};

/// Waits until a call of a Gather has ended; its place. Throws Timeout at the deadline of the request that waits, and
/// Cancelled when that is cancelled.
struct NextPlace {
  bool await_ready() const noexcept { return gather.ready(); }
  void await_suspend(std::coroutine_handle<> awaiting) const { gather.pause.wait(awaiting, until_ns); }
  std::size_t await_resume() const {
    gather.check();
    return gather.take();
  }
  Gather& gather;
  std::int64_t until_ns = never_ns;
};

/// Waits until a call has ended, and leaves its value where it is.
struct Ending {
  bool await_ready() const { return request.ended(); }
  void await_suspend(std::coroutine_handle<> awaiting) const;
  void await_resume() const noexcept {}
  Request& request;
};

}  // namespace corps::detail
