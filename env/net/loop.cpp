#include "env/net/internal/loop.hpp"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <system_error>

#include "corps/detail/envelope.hpp"
#include "corps/detail/runtime.hpp"
#include "env/host/internal/pause.hpp"
#include "env/host/internal/timespec.hpp"

namespace corps::net {

using detail::never_ns;

namespace {

constexpr timespec at_once{};
constexpr std::uint32_t ended = EPOLLERR | EPOLLHUP;  // reported always; both callbacks find out by themselves

/// The loop that this thread serves.
constinit thread_local void const* served = nullptr;

/// Where the kernel, or what stands in for one, does not count nanoseconds here, who sleeps until a time sleeps up to 1 ms
/// longer, or wakes after an hour and looks again.
int wait_at(int queue, std::span<epoll_event> ready, timespec const* limit) noexcept {
  auto const room = static_cast<int>(ready.size());
  auto const count = ::epoll_pwait2(queue, ready.data(), room, limit, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  if (limit == nullptr) return ::epoll_wait(queue, ready.data(), room, -1);
  auto const pause = std::chrono::seconds{limit->tv_sec} + std::chrono::nanoseconds{limit->tv_nsec};
  auto const pause_ms =
      std::min<std::chrono::milliseconds>(std::chrono::ceil<std::chrono::milliseconds>(pause), std::chrono::hours{1});
  return ::epoll_wait(queue, ready.data(), room, static_cast<int>(pause_ms.count()));
}

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Reactor::Loop::Loop(std::chrono::nanoseconds spin)
    : events_(::epoll_create1(EPOLL_CLOEXEC)), whistle_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), spin_(spin) {
  if (!events_ || !whistle_) fail("cannot make an event loop");
  epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, whistle_.get(), &wanted) != 0) fail("cannot make an event loop");
}

// --- who runs it -------------------------------------------------------------------------------------------------

// The loop's own thread begins. It makes way when what has come has woken a visitor, and steps in when none comes.
void Reactor::Loop::run() noexcept {
  while (!baton_.take()) baton_.await();
  for (;;) {
    while (!stopped_.load(std::memory_order_seq_cst) && !visitor_comes_.exchange(false, std::memory_order_relaxed)) {
      look_at_signs();
      if (ready_count_ == 0) doze();
      serve();
    }
    if (stopped_.load(std::memory_order_seq_cst)) return;  // with the baton: nobody is inside any more
    baton_.leave(detail::now_ns());
    baton_.await();
  }
}

void Reactor::Loop::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  interrupt();
  baton_.call_home();
}

bool Reactor::Loop::enter() noexcept {
  if (!admits_.load(std::memory_order_relaxed)) return false;
  if (baton_.take()) return true;
  visitor_comes_.store(false, std::memory_order_relaxed);
  return false;
}

void Reactor::Loop::serve_and_leave() noexcept {
  serve();
  if (any_posted_.load(std::memory_order_relaxed))
    serve();  // what that wanted to have done later; the rest is left to the other thread
  baton_.leave(detail::now_ns());
  if (any_posted_.load(std::memory_order_seq_cst) || stopped_.load(std::memory_order_seq_cst)) baton_.call_home();
}

void Reactor::Loop::hand_over() noexcept {
  if (!baton_.is_taken()) baton_.call_home();
}

// --- waiting -----------------------------------------------------------------------------------------------------

void Reactor::Loop::sleep() noexcept {
  look_at_signs();
  if (ready_count_ == 0 && !any_posted_.load(std::memory_order_relaxed) && spin_.begins()) spin();
  if (ready_count_ == 0 && !interrupted_.exchange(false, std::memory_order_seq_cst)) doze();
}

void Reactor::Loop::look() noexcept {
  look_at_signs();
  if (ready_count_ == 0) ask_kernel(&at_once);
}

// What signs show keeps nobody for ever from what only the kernel knows.
void Reactor::Loop::look_at_signs() noexcept {
  for (auto& state : signs_) {
    if ((state->wanted & readable) == 0 || !state->sign->has_come()) continue;
    ready_[ready_count_++] = {.events = EPOLLIN, .data = {.ptr = state}};
    if (ready_count_ < signs_max) continue;
    std::ranges::rotate(signs_, signs_.begin() + (&state - signs_.data()) + 1);  // the others first next time
    break;
  }
  if (ready_count_ != 0 && ++looks_past_kernel_ == looks_past_kernel_max) ask_kernel(&at_once);
}

void Reactor::Loop::ask_kernel(timespec const* limit) noexcept {
  looks_past_kernel_ = 0;
  if (ready_count_ == events_max) return;
  auto const count = wait_at(events_.get(), std::span{ready_}.subspan(ready_count_), limit);
  if (count > 0) ready_count_ += static_cast<std::size_t>(count);
}

void Reactor::Loop::spin() noexcept {
  auto const begin_ns = detail::now_ns();
  auto gave_way_ns = begin_ns;
  for (auto last_ns = begin_ns;;) {
    auto const now_ns = detail::now_ns();
    if (now_ns - last_ns > Spin::gap_ns_max) return spin_.was_disturbed();
    if (now_ns - begin_ns > spin_.budget_ns()) return spin_.was_in_vain();
    last_ns = now_ns;
    look_at_signs();
    bool const gives_way = now_ns - gave_way_ns > give_way_ns;
    if (ready_count_ == 0 && (gives_way || signs_.empty())) ask_kernel(&at_once);
    if (ready_count_ == 0 && gives_way) {
      ::sched_yield();  // to who was woken by this thread, and waits for its core
      gave_way_ns = now_ns;
    }
    if (ready_count_ != 0 || due_ns() <= now_ns) return spin_.paid();
    if (interrupted_.load(std::memory_order_relaxed)) return;
    host::pause();
  }
}

// Who sleeps says so, and then looks once more at what there is to do; who has something for it does it the other way round.
void Reactor::Loop::doze() noexcept {
  timespec limit{};
  timespec const* until = &limit;
  sleeps_until_ns_.store(due_ns(), std::memory_order_seq_cst);
  leave_signs_to_kernel();
  look_at_signs();
  if (ready_count_ == 0 && !any_posted_.load(std::memory_order_seq_cst) && !interrupted_.load(std::memory_order_seq_cst)) {
    auto const due = due_ns();
    if (due == never_ns) {
      until = nullptr;
    } else if (auto const rest = due - detail::now_ns(); rest > 0) {
      limit = host::to_timespec(rest);
    }
  }
  ask_kernel(until);
  sleeps_until_ns_.store(0, std::memory_order_relaxed);
  interrupted_.exchange(false, std::memory_order_seq_cst);
}

void Reactor::Loop::leave_signs_to_kernel() noexcept {
  std::erase_if(signs_, [](Descriptor::State* state) {
    state->is_looked_at = (state->wanted & readable) == 0 || !state->sign->leave_to_kernel();
    return !state->is_looked_at;
  });
}

void Reactor::Loop::be_awake_at(std::int64_t due_ns) noexcept {
  if (due_ns < sleeps_until_ns_.load(std::memory_order_seq_cst)) interrupt();
}

void Reactor::Loop::interrupt() noexcept {
  interrupted_.store(true, std::memory_order_seq_cst);
  if (sleeps_until_ns_.load(std::memory_order_seq_cst) == 0) return;  // who sleeps next looks
  std::uint64_t const once = 1;
  static_cast<void>(!::write(whistle_.get(), &once, sizeof(once)));
}

// --- what has come -----------------------------------------------------------------------------------------------

void Reactor::Loop::serve() noexcept {
  served = this;
  for (std::size_t i = 0; i < ready_count_; ++i) {
    if (auto* const state = static_cast<Descriptor::State*>(ready_[i].data.ptr)) serve(*state, ready_[i].events);
  }
  ready_count_ = 0;
  removed_.clear();
  run_alarms();
  run_clock();
  run_posted();
  served = nullptr;
}

void Reactor::Loop::serve(Descriptor::State& state, std::uint32_t events) {
  for (auto const& [kinds, callback] : {std::pair{readable, &state.on_readable}, std::pair{writable, &state.on_writable}}) {
    if ((events & (kinds | ended)) == 0 || (state.wanted & kinds) == 0 || state.gone) continue;
    state.wanted &= ~kinds;
    (*callback)();
  }
  if (state.sign != nullptr) return;
  // A callback that asks again costs no system call. What nobody wants must not come again.
  if (state.gone) return;
  if ((events & ended) != 0 && state.wanted == 0) return watch(state, 0);
  if (auto const unwanted = state.watched & ~state.wanted; (events & unwanted) != 0) watch(state, state.watched & ~unwanted);
}

void Reactor::Loop::run_posted() {
  if (!any_posted_.load(std::memory_order_seq_cst)) return;
  std::vector<Work> posted;
  {
    std::lock_guard const lock{posted_mutex_};
    posted.swap(posted_);
    any_posted_.store(false, std::memory_order_seq_cst);
  }
  for (auto& work : posted) {
    if (stopped_.load(std::memory_order_relaxed)) return;
    work();
  }
}

void Reactor::Loop::run_alarms() {
  if (alarms_.empty()) return;
  for (auto const now = detail::now_ns(); !alarms_.empty() && alarms_.begin()->first.first <= now;) {
    if (stopped_.load(std::memory_order_relaxed)) return;
    auto const alarm = alarms_.extract(alarms_.begin());
    alarm.mapped()();
  }
}

void Reactor::Loop::run_clock() {
  auto const due = clock_due_ns();
  if (due == never_ns || due > detail::now_ns() || stopped_.load(std::memory_order_relaxed)) return;
  clock_.load(std::memory_order_relaxed)->do_due();
}

void Reactor::Loop::post(Work work) {
  bool first = false;
  {
    std::lock_guard const lock{posted_mutex_};
    if (closed_) return;
    first = posted_.empty();
    posted_.push_back(std::move(work));
    any_posted_.store(true, std::memory_order_seq_cst);
  }
  if (!first || served == this) return;  // this thread looks for it before it sleeps, or leaves
  if (baton_.is_taken())
    interrupt();
  else
    baton_.call_home();
}

void Reactor::Loop::close() noexcept {
  std::vector<Work> posted;
  {
    std::lock_guard const lock{posted_mutex_};
    closed_ = true;
    posted.swap(posted_);
  }
  std::exchange(alarms_, {}).clear();
}

void Reactor::Loop::keep(mail::DeadlineClock& clock) noexcept {
  clock_.store(&clock, std::memory_order_seq_cst);
  be_awake_at(clock_due_ns());
}

std::int64_t Reactor::Loop::clock_due_ns() const noexcept {
  auto const* const clock = clock_.load(std::memory_order_seq_cst);
  return clock == nullptr ? never_ns : clock->due_ns();
}

std::int64_t Reactor::Loop::due_ns() const noexcept {
  return std::min(clock_due_ns(), alarms_.empty() ? never_ns : alarms_.begin()->first.first);
}

AlarmKey Reactor::Loop::add_alarm(std::int64_t at_ns, Work work) {
  AlarmKey const key{at_ns, ++alarms_numbered_};
  alarms_.emplace(key, std::move(work));
  return key;
}

// --- descriptors -------------------------------------------------------------------------------------------------

void Reactor::Loop::add(Descriptor::State& state) {
  epoll_event wanted{.events = 0, .data = {.ptr = &state}};
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, state.fd.get(), &wanted) != 0) fail("a descriptor cannot be waited for");
  state.known = true;
}

void Reactor::Loop::want(Descriptor::State& state, std::uint32_t events) {
  state.wanted |= events;
  if (state.sign != nullptr && !std::exchange(state.is_looked_at, true)) signs_.push_back(&state);
  if ((state.watched & events) != events || !state.known) watch(state, state.watched | events);
}

// An ended descriptor is reported as long as the kernel knows it.
void Reactor::Loop::watch(Descriptor::State& state, std::uint32_t events) {
  epoll_event wanted{.events = state.sign == nullptr ? events : events | EPOLLET, .data = {.ptr = &state}};
  auto const action = !state.known ? EPOLL_CTL_ADD : events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
  ::epoll_ctl(events_.get(), action, state.fd.get(), &wanted);
  state.known = events != 0;
  state.watched = events;
}

void Reactor::Loop::remove(std::shared_ptr<Descriptor::State> state, int fd) noexcept {
  state->gone = true;
  if (state->is_looked_at) std::erase(signs_, state.get());
  if (state->known) ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, fd, nullptr);
  if (ready_count_ != 0) removed_.push_back(std::move(state));
}

}  // namespace corps::net
