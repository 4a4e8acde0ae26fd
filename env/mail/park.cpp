#include "env/mail/internal/park.hpp"

#include "corps/detail/runtime.hpp"
#include "env/host/internal/futex.hpp"
#include "env/host/internal/pause.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::MailboxHead;
using detail::never_ns;
using detail::Wakes;

/// What Cell::signal says.
constexpr std::uint32_t awake = 0;
constexpr std::uint32_t signalled = 1;
constexpr std::uint32_t asleep = 2;  // whoever signals must wake the thread

/// How long a plain thread stays awake for an answer, if the last one came as soon: falling asleep and being woken takes as long.
/// Where answers take longer, it leaves its core at once to the thread that it may have woken.
constexpr std::int64_t wakeful_ns = 5'000;
constexpr int pauses_per_look = 32;  // at the clock

constinit thread_local bool last_came_soon = false;

void stay_awake(Cell const& cell, std::int64_t until_ns) noexcept {
  do {
    for (int i = 0; i < pauses_per_look; ++i) {
      if (cell.signal.load(std::memory_order_acquire) == signalled) return;
      host::pause();
    }
  } while (detail::now_ns() < until_ns);
}

/// Futexes and deadlines both count on CLOCK_MONOTONIC.
void sleep_while_unsignalled(Cell& cell, std::int64_t until_ns) {
  if (sched::simulation != nullptr) return sched::simulation->sleep(cell, until_ns);
  auto& signal = cell.signal;
  auto expected = awake;
  if (!signal.compare_exchange_strong(expected, asleep, std::memory_order_acq_rel, std::memory_order_acquire) &&
      expected == signalled)
    return;
  host::sleep_while(signal, asleep, until_ns);
}

/// Takes the mailbox back. False: somebody has put something in that is no request.
bool stop_waiting(Cell& cell) noexcept {
  auto word = cell.inbox.load(std::memory_order_acquire);
  while (MailboxHead{word}.is_asleep())
    if (cell.inbox.compare_exchange_weak(word, MailboxHead{word}.woken().word(), std::memory_order_acq_rel)) return true;
  return false;
}

}  // namespace

void park(Cell& cell, std::int64_t until_ns) {
  auto const wakes = cell.wakes.load(std::memory_order_relaxed);
  cell.signal.store(awake, std::memory_order_relaxed);
  cell.wakes.store(Wakes::thread, std::memory_order_relaxed);
  auto word = cell.inbox.load(std::memory_order_acquire);
  if (MailboxHead const head{word};
      head.is_empty() && cell.inbox.compare_exchange_strong(word, head.as_asleep().word(), std::memory_order_acq_rel)) {
    bool const may_stay_awake = cell.is_port() && sched::simulation == nullptr;
    auto const soon_ns = may_stay_awake ? detail::now_ns() + wakeful_ns : 0;
    if (may_stay_awake && last_came_soon) stay_awake(cell, soon_ns);
    while (cell.signal.load(std::memory_order_acquire) != signalled) {
      sleep_while_unsignalled(cell, until_ns);
      if (cell.signal.load(std::memory_order_acquire) == signalled || detail::now_ns() < until_ns) continue;
      if (stop_waiting(cell)) break;
      until_ns = never_ns;  // somebody has just put something in: the signal is on its way
    }
    if (may_stay_awake) last_came_soon = detail::now_ns() < soon_ns;
  }
  cell.signal.store(awake, std::memory_order_relaxed);
  cell.wakes.store(wakes, std::memory_order_relaxed);
}

void sleep_until_woken(Cell& cell) {
  while (cell.signal.load(std::memory_order_acquire) != signalled) sleep_while_unsignalled(cell, never_ns);
  cell.signal.store(awake, std::memory_order_relaxed);
}

void unpark(Cell& cell) noexcept {
  auto const before = cell.signal.exchange(signalled, std::memory_order_acq_rel);
  if (sched::simulation != nullptr) return sched::simulation->signalled();
  if (before != asleep) return;
  host::wake_sleeper(cell.signal);
}

}  // namespace corps::mail
