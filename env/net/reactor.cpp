#include "env/net/internal/reactor.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace corps::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct Reactor::Context {
  asio::io_context io{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  // Asio makes its event queue with the first timer or descriptor: here, where the lack of descriptors can still be reported,
  // and not in a callback of the loop.
  asio::steady_timer makes_event_queue{io};
};

Reactor::Reactor() : context_(std::make_unique<Context>()) {}
Reactor::~Reactor() = default;

void Reactor::run() noexcept { context_->io.run(); }
void Reactor::stop() { context_->io.stop(); }
void Reactor::post(std::function<void()> work) { asio::post(context_->io, std::move(work)); }

void Reactor::after(std::chrono::nanoseconds delay, std::function<void()> work) {
  post([this, delay, work = std::move(work)]() mutable {
    auto timer = std::make_shared<asio::steady_timer>(context_->io, delay);
    timer->async_wait([timer, work = std::move(work)](error_code const& error) {
      if (!error) work();
    });
  });
}

struct Descriptor::State {
  State(asio::io_context& io, int fd, std::function<void()> readable, std::function<void()> writable)
      : descriptor(io, fd), on_readable(std::move(readable)), on_writable(std::move(writable)) {}

  asio::posix::stream_descriptor descriptor;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
  bool gone = false;  // its owner is
};

Descriptor::Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, std::function<void()> on_writable)
    : state_(std::make_shared<State>(reactor.context().io, fd.get(), std::move(on_readable), std::move(on_writable))) {
  static_cast<void>(fd.release());  // the state closes it
}

// Asio's own close() leaves the entry of the event queue to the kernel, which keeps it while a duplicate of the descriptor lives
// elsewhere: in a child before its exec, or with the caller of watch_readable(). Releasing takes the entry out first.
Descriptor::~Descriptor() {
  if (state_->descriptor.is_open()) release();
}

int Descriptor::fd() const noexcept { return state_->descriptor.native_handle(); }

void Descriptor::arm_read() {
  state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [state = state_](error_code const& error) {
    if (!error && !state->gone) state->on_readable();
  });
}

void Descriptor::arm_write() {
  state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write, [state = state_](error_code const& error) {
    if (!error && !state->gone) state->on_writable();
  });
}

host::UniqueFd Descriptor::release() {
  state_->gone = true;
  return host::UniqueFd(state_->descriptor.release());
}

struct Timer::State {
  explicit State(asio::io_context& io) : timer(io) {}

  asio::steady_timer timer;
  std::uint64_t generation = 0;  // tells an alarm that was cancelled when it was on its way already
  bool running = false;
};

Timer::Timer(Reactor& reactor) : state_(std::make_shared<State>(reactor.context().io)) {}
Timer::~Timer() { cancel(); }

void Timer::start(std::chrono::nanoseconds delay, std::function<void()> work) {
  auto const generation = ++state_->generation;
  state_->running = true;
  state_->timer.expires_after(delay);
  state_->timer.async_wait([state = state_, generation, work = std::move(work)](error_code const& error) {
    if (error || state->generation != generation) return;
    state->running = false;
    work();
  });
}

void Timer::cancel() {
  ++state_->generation;
  state_->running = false;
  state_->timer.cancel();
}

bool Timer::running() const noexcept { return state_->running; }

}  // namespace corps::net
