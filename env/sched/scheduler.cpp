#include "env/sched/internal/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "corps/blocking.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/error.hpp"
#include "env/host/internal/cores.hpp"
#include "env/net/internal/gathering.hpp"
#include "env/sched/internal/job.hpp"
#include "env/sched/internal/lanes.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::sched {
namespace {

/// The lanes of the scheduler that is being started: CAF makes the policy's data itself and hands nothing in.
constinit Lanes* lanes_of_new_scheduler = nullptr;

/// The lane of this thread, if it is one of the scheduler's.
constinit thread_local Lane* own_lane = nullptr;

constinit std::atomic<Scheduler*> active{nullptr};

/// This thread may block as it likes: nobody waits for it.
constinit thread_local bool off_duty = false;

/// The kernel keeps 15 characters of a name.
void name_thread(std::string_view role, std::size_t number) { host::name_thread(fmt::format("corps {} {}", role, number)); }

/// CAF's worker threads take their jobs from our lanes.
class LanePolicy : public caf::policy::unprofiled {
 public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) : lanes(lanes_of_new_scheduler) {}
    Lanes* lanes;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    d(self).lanes->push_anywhere(job);
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    lanes(self).push_foreign(lane(self), job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    lanes(self).push_next(lane(self), job);
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    lanes(self).push(lane(self), job);
  }
  /// Runs the turns of our Workers here, and returns only what is CAF's own (its order to stop): CAF's loop around this looks
  /// up a logger under a lock for each job, which costs a quarter of a call.
  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    if (std::exchange(own_lane, &lane(self)) == nullptr) name_thread("worker", self->id());
    for (;;) {
      auto* const job = lanes(self).pop(*own_lane, [] { return false; });
      if (!is_turn(*job)) return job;
      if (job->resume(self, 1) == caf::resumable::resume_later) lanes(self).push_again(*own_lane, job);
    }
  }
  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {}
  /// When all threads have ended: CAF frees what is left of its own. Turns are the slab's.
  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* self, F release) {
    while (auto* const job = d(self).lanes->take_left_over())
      if (!is_turn(*job)) release(job);
  }

 private:
  template <class Worker>
  static Lanes& lanes(Worker* self) {
    return *d(self->parent()).lanes;
  }
  template <class Worker>
  static Lane& lane(Worker* self) {
    return lanes(self)[self->id()];
  }
};

struct SystemConfig : caf::actor_system_config {
  explicit SystemConfig(std::size_t threads) {
    set("scheduler.max-threads", threads);
    set("scheduler.max-throughput", std::size_t{1});  // our turns have their own measure
    module_factories.push_back([](caf::actor_system& system) -> caf::actor_system::module* {
      return new caf::scheduler::coordinator<LanePolicy>(system);
    });
  }
};

/// Where jobs run on spare threads: they schedule by our lanes, not by this.
class SpareUnit final : public caf::execution_unit {
 public:
  SpareUnit(caf::actor_system& system, Lanes& lanes, Lane& lane) : execution_unit(&system), lanes_(lanes), lane_(lane) {}
  void exec_later(caf::resumable* job) override { lanes_.push_next(lane_, job); }

 private:
  Lanes& lanes_;
  Lane& lane_;
};

}  // namespace

/// How long a spare thread that sleeps is kept after the last one that it took over from goes on.
constexpr std::chrono::seconds spare_kept{1};

/// A thread that takes over while another blocks.
struct Spare {
  std::thread thread;
  bool in_use = false;
};

struct Scheduler::Impl {
  Impl(std::size_t thread_count, std::size_t spare_limit)
      : threads(thread_count), spare_max(spare_limit), lanes(thread_count + spare_limit), spares(spare_limit) {
    lanes.set_primary(threads);
    lanes_of_new_scheduler = &lanes;
    config = std::make_unique<SystemConfig>(threads);
    system = std::make_unique<caf::actor_system>(*config);
  }

  /// One more thread than are blocked: an idle spare one is told to stay, or a new one starts.
  void take_over() {
    std::lock_guard const lock{mutex};
    if (blocked == spare_max) throw Overloaded{all_blocked(spare_max)};
    if (spares_running <= blocked) start_spare();
    ++blocked;
  }

  void start_spare() {
    auto const free = std::ranges::find(spares, false, &Spare::in_use);
    if (free == spares.end()) return;  // the last ones are about to retire, or to see that they are needed
    if (free->thread.joinable()) free->thread.join();
    auto const index = static_cast<std::size_t>(free - spares.begin());
    lanes.set_used(threads + index + 1);
    try {
      free->thread = std::thread{[this, index] { run_spare(index); }};
    } catch (std::system_error const& error) {
      throw Overloaded{fmt::format("no thread can be started to take over from one that blocks: {}", error.what())};
    }
    free->in_use = true;
    ++spares_running;
  }

  void give_back() noexcept {
    std::lock_guard const lock{mutex};
    --blocked;
  }

  /// Between two jobs: whether this spare thread is one too many. If it is not, it comes back later: altogether they look once in
  /// `spare_kept`, and the first that retires calls the next.
  bool retires(std::size_t index) {
    std::lock_guard const lock{mutex};
    if (spares_running <= blocked && !stopping) {
      lanes[threads + index].sleep_max = spare_kept * spares_running;
      return false;
    }
    --spares_running;
    if (spares_running > blocked) lanes.wake_from(threads);
    spares[index].in_use = false;
    return true;
  }

  void run_spare(std::size_t index) {
    auto& lane = lanes[threads + index];
    own_lane = &lane;
    name_thread("spare", index);
    SpareUnit unit{*system, lanes, lane};
    while (auto* job = lanes.pop(lane, [&] { return retires(index); }))
      if (job->resume(&unit, 1) == caf::resumable::resume_later) lanes.push_again(lane, job);
    own_lane = nullptr;
  }

  std::size_t threads;
  std::size_t spare_max;
  Lanes lanes;
  std::unique_ptr<SystemConfig> config;
  std::unique_ptr<caf::actor_system> system;
  std::mutex mutex;
  std::vector<Spare> spares;
  std::size_t blocked = 0;
  std::size_t spares_running = 0;
  bool stopping = false;
};

Scheduler::Scheduler(std::size_t threads, std::size_t spare_max) : impl_(std::make_unique<Impl>(threads, spare_max)) {
  active.store(this, std::memory_order_release);
}

Scheduler::~Scheduler() {
  {
    std::lock_guard const lock{impl_->mutex};
    impl_->stopping = true;
  }
  impl_->lanes.close();
  for (auto& spare : impl_->spares)
    if (spare.thread.joinable()) spare.thread.join();
  impl_->system.reset();
  active.store(nullptr, std::memory_order_release);
}

void Scheduler::wait_at(std::shared_ptr<Outside> outside) noexcept { impl_->lanes.set_outside(std::move(outside)); }

void Scheduler::enqueue(detail::Cell& cell) noexcept {
  if (own_lane != nullptr)
    impl_->lanes.push_next(*own_lane, job_of(cell));
  else
    impl_->lanes.push_anywhere(job_of(cell));
}

void Scheduler::block() { impl_->take_over(); }

void Scheduler::give_away() {
  if (own_lane != nullptr) impl_->lanes.give_away(*own_lane);
}

void Scheduler::unblock() noexcept { impl_->give_back(); }

ThreadCounts Scheduler::counts() const {
  std::lock_guard const lock{impl_->mutex};
  return {impl_->threads, impl_->spares_running, impl_->blocked};
}

Scheduler* scheduler() noexcept { return active.load(std::memory_order_acquire); }

std::string all_blocked(std::size_t spare_max) {
  return fmt::format(
      "{} threads of this Env are blocked in get() or blocking(), the most that may; use co_await, or raise limits.spare_threads",
      spare_max);
}

Blocking::Blocking(detail::Cell const& cell)
    : taken_over_(!cell.is_port() && !off_duty && (scheduler() != nullptr || simulation != nullptr)) {
  if (!taken_over_) return;
  if (simulation != nullptr)
    simulation->block();
  else
    scheduler()->block();
}
Blocking::~Blocking() {
  if (!taken_over_) return;
  if (simulation != nullptr)
    simulation->unblock();
  else
    scheduler()->unblock();
}

void Blocking::give_away() {
  net::Gathering::leave_now();
  if (taken_over_ && simulation == nullptr) scheduler()->give_away();
}

void stay_off_duty() noexcept { off_duty = true; }

}  // namespace corps::sched

namespace corps::detail {

BlockingScope::BlockingScope() {
  net::Gathering::leave_now();
  if (current_cell == nullptr || current_cell->is_port() || sched::off_duty) return;
  if (sched::simulation != nullptr) {
    sched::simulation->block();
    sched::simulation->pause();
  } else if (auto* const scheduler = sched::scheduler()) {
    scheduler->block();
    scheduler->give_away();
    lane_ = std::exchange(sched::own_lane, nullptr);  // what the function sends is for the others as well
  } else {
    return;
  }
  handed_over_ = sched::off_duty = true;
}

BlockingScope::~BlockingScope() {
  if (!handed_over_) return;
  sched::off_duty = false;
  if (sched::simulation != nullptr) {
    sched::simulation->pause();
    sched::simulation->unblock();
  } else {
    sched::own_lane = static_cast<sched::Lane*>(lane_);
    sched::scheduler()->unblock();
  }
  current_cell->now_ns = now_ns();
}

void schedule(Cell& cell) noexcept {
  if (auto* const scheduler = sched::scheduler())
    scheduler->enqueue(cell);
  else if (sched::simulation != nullptr)
    sched::simulation->enqueue(cell);
}

}  // namespace corps::detail
