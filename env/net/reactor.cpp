#include "env/net/internal/reactor.hpp"

#include <utility>

#include "corps/detail/runtime.hpp"
#include "env/net/internal/loop.hpp"

namespace corps::net {

Reactor::Reactor(std::chrono::nanoseconds spin) : loop_(std::make_shared<Loop>(spin)) {}
Reactor::~Reactor() { loop_->close(); }

void Reactor::run() noexcept { loop_->run(); }
void Reactor::stop() { loop_->stop(); }
void Reactor::post(std::function<void()> work) { loop_->post(std::move(work)); }

void Reactor::after(std::chrono::nanoseconds delay, std::function<void()> work) {
  post([loop = loop_.get(), at_ns = detail::now_ns() + delay.count(), work = std::move(work)]() mutable {
    loop->add_alarm(at_ns, std::move(work));
  });
}

std::shared_ptr<sched::Outside> Reactor::outside() { return loop_; }
void Reactor::admit_visitors(bool admitted) noexcept { loop_->admit_visitors(admitted); }
void Reactor::keep(mail::DeadlineClock& clock) noexcept { loop_->keep(clock); }
std::function<void(std::int64_t)> Reactor::waker() {
  return [loop = loop_](std::int64_t due_ns) { loop->be_awake_at(due_ns); };
}

Descriptor::Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, std::function<void()> on_writable)
    : loop_(reactor.loop()), state_(std::make_shared<State>()) {
  state_->fd = std::move(fd);
  state_->on_readable = std::move(on_readable);
  state_->on_writable = std::move(on_writable);
  loop_->add(*state_);
}

Descriptor::Descriptor(Reactor& reactor, host::UniqueFd fd, std::function<void()> on_readable, Sign& sign)
    : Descriptor(reactor, std::move(fd), std::move(on_readable), [] {}) {
  state_->sign = &sign;
}

// The kernel would keep an entry while a duplicate of the descriptor lives elsewhere: in a child before its exec, or with the
// caller of watch_readable(). So it is taken out before the descriptor is closed.
Descriptor::~Descriptor() { release(); }

int Descriptor::fd() const noexcept { return state_->fd.get(); }
void Descriptor::arm_read() { loop_->want(*state_, Reactor::Loop::readable); }
void Descriptor::arm_write() { loop_->want(*state_, Reactor::Loop::writable); }

host::UniqueFd Descriptor::release() {
  auto fd = std::move(state_->fd);
  if (fd) loop_->remove(state_, fd.get());
  return fd;
}

Timer::Timer(Reactor& reactor) : loop_(reactor.loop()) {}
Timer::~Timer() { cancel(); }

void Timer::start(std::chrono::nanoseconds delay, std::function<void()> work) {
  cancel();
  key_ = loop_->add_alarm(detail::now_ns() + delay.count(), [this, work = std::move(work)] {
    key_.reset();
    work();
  });
}

void Timer::cancel() {
  if (auto const key = std::exchange(key_, std::nullopt)) loop_->remove_alarm(*key);
}

}  // namespace corps::net
