#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "corps/address.hpp"
#include "corps/detail/alarm.hpp"
#include "corps/detail/call.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/spawn.hpp"
#include "corps/task.hpp"

namespace corps::detail {

/// A timer as the clock, its handle, and what it has begun share it: each has one hold, and the last to let go deletes it.
class TimerState : public Alarm {
 public:
  /// `period_ns`: 0 rings once.
  explicit TimerState(std::int64_t period_ns) noexcept : period_ns_(period_ns) {}
  virtual ~TimerState() = default;

  /// Begins, with one hold for the caller. Throws Overloaded or Refused, and then the caller still owns it alone.
  void start(std::int64_t delay_ns);
  void stop() noexcept;
  /// Instead of a handle, the Worker whose turn this is (or the thread) has the caller's hold.
  void detach() noexcept;
  void let_go() noexcept {
    if (holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  std::uint64_t skipped() const noexcept { return skipped_.load(std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  void ring() noexcept final;
  void given_back() noexcept final;

 protected:
  /// It is time, and the last run has ended. Has a hold, which `run_ended` gives back. On the thread that rings.
  virtual void fire() noexcept = 0;
  /// It fires no more: frees what the Worker gave it. In the Worker's turn.
  virtual void free_function() noexcept {}
  void run_ended() noexcept;
  bool is_last() const noexcept { return period_ns_ == 0 || stopped(); }

 private:
  std::int64_t const period_ns_;
  std::int64_t next_ns_ = 0;
  std::atomic<std::uint32_t> holds_{1};
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<bool> running_{false};
  std::atomic<bool> stopped_{false};
};

/// Sends a request that has an origin. Takes it over.
void send_on(std::unique_ptr<Request> request, ConcAddr to) noexcept;

/// Logs how a timer's call failed; true if it can never succeed again.
bool timer_call_failed(Request const& request) noexcept;

/// Asks a Worker to run a method.
template <class Op>
class MethodTimer final : public TimerState, Origin {
 public:
  template <class... A>
  MethodTimer(std::int64_t period_ns, ConcAddr to, A&&... args)
      : TimerState(period_ns), to_(to), arguments_(std::forward<A>(args)...) {}

 private:
  void fire() noexcept override {
    try {
      auto request = std::make_unique<Call<Op>>(is_last() ? std::move(arguments_) : typename Op::Arguments(arguments_));
      request->origin = this;
      send_on(std::move(request), to_);
    } catch (...) {  // there is no memory for it
      run_ended();
    }
  }
  void answer(std::unique_ptr<Request> request) noexcept override {
    if (request->error != nullptr && timer_call_failed(*request)) stop();
    request.reset();
    run_ended();
  }

  ConcAddr const to_;
  typename Op::Arguments arguments_;
};

/// What a function of a timer needs of the Worker in whose turn it runs: it belongs to no request.
void begin_own_step(Cell& cell) noexcept;

/// Runs a function in a turn of the Worker that made it.
template <class F>
class FunctionTimer final : public TimerState, public Envelope {
 public:
  FunctionTimer(std::int64_t period_ns, F function)
      : TimerState(period_ns), Envelope(EnvelopeKind::control), cell_(self()), function_(std::move(function)) {
    target = cell_.id.load(std::memory_order_relaxed);
  }

 private:
  /// While the function, or the Task that it returned, runs.
  class Run {
   public:
    explicit Run(FunctionTimer& timer) noexcept : timer_(&timer) { timer.in_function_ = true; }
    Run(Run&& other) noexcept : timer_(std::exchange(other.timer_, nullptr)) {}
    Run& operator=(Run&&) = delete;
    ~Run() {
      if (timer_ == nullptr) return;
      timer_->in_function_ = false;
      if (timer_->is_last()) timer_->function_.reset();
      timer_->run_ended();
    }
    F& function() noexcept { return *timer_->function_; }

   private:
    FunctionTimer* timer_;
  };

  void fire() noexcept override {
    if (!cell_.push(this)) run_ended();
  }
  void arrive(Cell& cell) override {
    if (stopped()) return run_ended();
    begin_own_step(cell);
    (void)spawn(run(Run{*this}));
  }
  void undeliverable() noexcept override { run_ended(); }
  void free_function() noexcept override {
    if (!in_function_) function_.reset();
  }

  static Task<> run(Run run) {
    if constexpr (std::is_same_v<std::invoke_result_t<F&>, Task<>>) {
      auto task = run.function()();
      co_await std::move(task);
    } else {
      run.function()();
    }
    co_return;
  }

  Cell& cell_;
  std::optional<F> function_;
  bool in_function_ = false;
};

}  // namespace corps::detail
