#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "corps/address.hpp"
#include "corps/detail/combine.hpp"
#include "corps/detail/local_request.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/error.hpp"
#include "corps/fwd.hpp"
#include "corps/task.hpp"

namespace corps::detail {

/// What a Promise and the request that it answers share. Whoever comes second, the answer or the request, sends the answer home.
class PromiseStateBase {
 public:
  PromiseStateBase() noexcept;
  PromiseStateBase(PromiseStateBase const&) = delete;
  PromiseStateBase& operator=(PromiseStateBase const&) = delete;

  /// Whether this answer is the first. Any thread.
  bool claim() noexcept { return (steps_.fetch_or(claimed, std::memory_order_relaxed) & claimed) == 0; }
  /// Somebody will wait for it. Throws std::logic_error the second time.
  void take_end();
  bool is_cancelled() const noexcept {
    return (steps_.load(std::memory_order_acquire) & (attached | answered)) == attached && request_->is_cancelled();
  }

 protected:
  ~PromiseStateBase() = default;
  /// Whether it is for the caller to send the answer.
  bool step_answered() noexcept { return (steps_.fetch_or(answered, std::memory_order_acq_rel) & attached) != 0; }
  bool step_attached(Request& request) noexcept {
    request_ = &request;
    return (steps_.fetch_or(attached, std::memory_order_acq_rel) & answered) != 0;
  }
  ErrorInfo broken() const;

  Request* request_ = nullptr;

 private:
  static constexpr std::uint8_t claimed = 1;
  static constexpr std::uint8_t answered = 2;
  static constexpr std::uint8_t attached = 4;
  std::atomic<std::uint8_t> steps_{0};
  bool end_taken_ = false;
  MethodRecord const* method_ = nullptr;  // in which it was made
  ConcAddr made_by_;
};

template <class T>
class PromiseState final : public PromiseStateBase {
 public:
  /// After claim().
  template <class... V>
  void answer_with(V&&... value) noexcept {
    try {
      value_.emplace(std::forward<V>(value)...);
    } catch (...) {
      error_ = std::make_unique<ErrorInfo>(describe_thrown(std::current_exception()));
    }
    if (step_answered()) send();
  }
  void fail_with(std::exception_ptr const& thrown) noexcept { fail(describe_thrown(thrown)); }
  void fail(ErrorInfo error) noexcept {
    error_ = std::make_unique<ErrorInfo>(std::move(error));
    if (step_answered()) send();
  }
  void break_off() noexcept {
    if (claim()) fail(broken());
  }
  void attach(Reply<T>& request) noexcept {
    if (step_attached(request)) send();
  }

 private:
  void send() noexcept {
    auto& request = static_cast<Reply<T>&>(*request_);
    if (error_ != nullptr)
      request.error = std::move(error_);
    else
      request.result.emplace(std::move(*value_));
    request.finish();
  }

  std::optional<Stored<T>> value_;
  std::unique_ptr<ErrorInfo> error_;
};

[[noreturn]] void no_promise();

/// A call of a Worker that a Promise answers.
template <class T>
struct Pledge final : LocalRequest<Reply<T>> {
  explicit Pledge(MethodRecord const& record) : LocalRequest<Reply<T>>(&record) {}
};

/// What a pledge is called where calls have the names of methods.
MethodRecord const& pledge_record() noexcept;

template <class T>
Reply<T>& open_pledge(PromiseState<T>& state) {
  auto& pledge = *std::make_unique<Pledge<T>>(pledge_record()).release();
  (void)pledge.begin();  // no Worker has to be free for it
  if (open_call(pledge, self().address(), default_limit_ns)) state.attach(pledge);
  return pledge;
}

// --- Later ---------------------------------------------------------------------------------------------------------

/// Where the answer of a method comes from that has returned.
template <class T>
class LaterSource {
 public:
  virtual ~LaterSource() = default;
  /// Answers the request sooner or later, on any thread. Its Worker is done with it.
  virtual void take_over(Reply<T>& request) noexcept = 0;
};

template <class T>
class ValueLater final : public LaterSource<T> {
 public:
  template <class... V>
  explicit ValueLater(V&&... value) : value_(std::forward<V>(value)...) {}
  void take_over(Reply<T>& request) noexcept override {
    request.result.emplace(std::move(value_));
    request.finish();
  }

 private:
  Stored<T> value_;
};

template <class T>
class PromiseLater final : public LaterSource<T> {
 public:
  explicit PromiseLater(std::shared_ptr<PromiseState<T>> state) noexcept : state_(std::move(state)) {}
  void take_over(Reply<T>& request) noexcept override { state_->attach(request); }

 private:
  std::shared_ptr<PromiseState<T>> state_;
};

[[noreturn]] void empty_later();

/// At the end of the method.
template <class T>
void answer_later(Later<T> later, Reply<T>& request) {
  auto const source = std::move(later.source_);
  if (source == nullptr) empty_later();
  request.pass_on();
  source->take_over(request);
}

/// Answers a Promise with the end of a call.
template <class T>
Task<> relay(Future<T> future, std::shared_ptr<PromiseState<T>> state) {
  struct BrokenOff {
    ~BrokenOff() { state.break_off(); }
    PromiseState<T>& state;
  } const broken_off{*state};
  auto& reply = reply_of(future);
  co_await Ending{reply};
  if (!state->claim()) co_return;
  if (auto const* const error = reply.failure())
    state->fail(*error);
  else
    state->answer_with(std::move(*reply.result));
}

}  // namespace corps::detail
