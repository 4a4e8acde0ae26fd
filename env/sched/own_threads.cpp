#include "env/sched/internal/own_threads.hpp"

#include <fmt/format.h>

#include <atomic>
#include <system_error>
#include <utility>

#include "corps/error.hpp"
#include "env/host/internal/cores.hpp"
#include "env/mail/internal/park.hpp"
#include "env/sched/internal/job.hpp"
#include "env/sched/internal/scheduler.hpp"

namespace corps::sched {
namespace {

constexpr std::size_t thread_name_bytes_max = 15;  // the kernel's

constinit std::atomic<OwnThreads*> active{nullptr};

/// The name of a class as the name of a thread: where it is too long, without its namespaces.
std::string_view name_for_thread(std::string_view class_name) noexcept {
  if (class_name.size() <= thread_name_bytes_max) return class_name;
  auto const colon = class_name.rfind(':');
  return colon == std::string_view::npos ? class_name : class_name.substr(colon + 1);
}

}  // namespace

OwnThreads::OwnThreads(std::size_t threads_max) : threads_max_(threads_max) { active.store(this, std::memory_order_release); }

OwnThreads::~OwnThreads() {
  active.store(nullptr, std::memory_order_release);
  for (;;) {
    std::thread next;
    {
      std::lock_guard const lock{mutex_};
      if (threads_.empty()) break;
      next = std::move(threads_.front());
    }
    next.join();
    std::lock_guard const lock{mutex_};
    threads_.pop_front();
  }
  if (ended_.joinable()) ended_.join();
}

void OwnThreads::begin(detail::Cell& cell, std::string_view class_name) {
  std::lock_guard const lock{mutex_};
  if (workers_ == threads_max_)
    throw Overloaded{
        fmt::format("{} Workers of this Env have a thread of their own, the most that may; end some, create this {} without "
                    "corps::detached, or raise limits.detached_threads",
                    threads_max_, class_name)};
  auto const place = threads_.emplace(threads_.end());
  cell.signal.store(0, std::memory_order_relaxed);
  cell.wakes.store(detail::Wakes::thread, std::memory_order_relaxed);
  try {
    *place = std::thread{[this, place, &cell, class_name] { run(place, cell, class_name); }};
  } catch (std::system_error const& error) {
    threads_.erase(place);
    cell.wakes.store(detail::Wakes::scheduler, std::memory_order_relaxed);
    throw Overloaded{fmt::format("no thread can be started for this {}: {}", class_name, error.what())};
  }
  ++workers_;
}

void OwnThreads::worker_ended() noexcept {
  std::lock_guard const lock{mutex_};
  --workers_;
}

std::size_t OwnThreads::count() const {
  std::lock_guard const lock{mutex_};
  return workers_;
}

void OwnThreads::run(Place place, detail::Cell& cell, std::string_view class_name) noexcept {
  auto const id = cell.id.load(std::memory_order_relaxed);
  host::name_thread(name_for_thread(class_name));
  stay_off_duty();
  do {
    mail::sleep_until_woken(cell);
    (void)detail::recent_now_ns();  // the turn goes on from there
    while (run_turn(cell)) {
    }
  } while (cell.id.load(std::memory_order_relaxed) == id);
  end(place);
}

void OwnThreads::end(Place place) noexcept {
  std::thread before;
  {
    std::lock_guard const lock{mutex_};
    if (!place->joinable()) return;  // the destructor joins this one
    before = std::exchange(ended_, std::move(*place));
    threads_.erase(place);
  }
  if (before.joinable()) before.join();
}

OwnThreads* own_threads() noexcept { return active.load(std::memory_order_acquire); }

}  // namespace corps::sched
