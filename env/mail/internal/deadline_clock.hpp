#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "corps/detail/alarm.hpp"
#include "corps/detail/cell.hpp"

namespace corps::mail {

/// The Env's clock: whatever is to happen at a time waits here. Whoever runs the event loop does what is due, and sleeps until
/// the next of it is. A thread of the clock ("corps clock") does what is still left some milliseconds later, because a callback
/// of the loop takes long.
///
/// It sends a Worker its tick when the earliest deadline of its open calls has come. It holds one entry a Worker, not one a
/// call, and a Worker arms it only for a deadline earlier than the one it is armed for: calls that are answered in time
/// leave no trace here. Everything else is an Alarm: one entry each, set and called off in O(log n).
/// Threads: any.
class DeadlineClock {
 public:
  /// Calls `on_sooner` when something is due before all that waited, on the thread that asked for it, which may hold a lock: it
  /// must not block. Without that nobody does what is due but who calls for it here, and there is no thread.
  /// Throws std::system_error if the process has no threads or descriptors left.
  explicit DeadlineClock(std::function<void(std::int64_t due_ns)> on_sooner = {});
  /// Gives every alarm back.
  ~DeadlineClock();
  DeadlineClock(DeadlineClock const&) = delete;
  DeadlineClock& operator=(DeadlineClock const&) = delete;

  /// Moves the Worker's entry, if it has one.
  void arm(detail::Cell& cell, std::int64_t at_ns);
  /// The Worker ends.
  void forget(detail::Cell& cell) noexcept;
  /// Workers that have an entry.
  std::size_t size();

  // As the functions of these names in corps/detail/alarm.hpp.
  detail::Alarmed set_alarm(detail::Alarm& alarm, std::int64_t at_ns, bool again);
  detail::CalledOff call_off(detail::Alarm& alarm) noexcept;
  bool end_with(detail::Alarm& alarm, ConcId owner);
  using Holds = std::vector<detail::Alarm*>;
  /// Calls off the alarms that are to end with this Worker; what is to be given back, without a lock.
  Holds owner_ends(ConcId owner);
  static void give_back(Holds const& holds) noexcept;

  /// When there is something to do; never_ns if nothing waits. Takes no lock.
  std::int64_t due_ns() const noexcept;
  /// Does what is due, so much at most that others do not wait long for this thread.
  void do_due() noexcept;

  // For tests, and who stands in for the event loop.

  /// Alarms that are set.
  std::size_t alarms();
  /// When the first of them is due; never_ns if there is none.
  std::int64_t next_alarm_ns();
  /// Rings the first of them, of which there must be one.
  void ring_next();

 private:
  using Entry = std::pair<std::int64_t, detail::Cell*>;
  void take_out(detail::Cell& cell) noexcept;
  detail::CalledOff take_out(detail::Alarm& alarm) noexcept;
  void let_go(detail::Alarm& alarm, Holds& holds);
  std::int64_t earliest() const noexcept;
  std::int64_t late_ns() const noexcept;
  void do_next(std::unique_lock<std::mutex>& lock);
  void ring_first(std::unique_lock<std::mutex>& lock);
  bool note_earliest() noexcept;
  void tell(bool is_sooner);
  void do_what_is_late();
  bool is_stopping();

  std::function<void(std::int64_t due_ns)> const on_sooner_;
  std::mutex mutex_;
  std::atomic<std::int64_t> earliest_ns_{detail::never_ns};  // written under the mutex
  std::set<Entry> entries_;
  std::map<std::pair<std::int64_t, std::uint64_t>, detail::Alarm*> alarms_;  // by time and number
  std::map<std::pair<ConcId, std::uint64_t>, detail::Alarm*> owned_;         // by owner and number
  std::uint64_t alarms_numbered_ = 0;
  bool stopping_ = false;
  struct Late;
  std::unique_ptr<Late> late_;  // null where there is no event loop
};

/// Asks a Worker to look at its open calls; does nothing while an earlier such wish is still on its way.
void send_tick(detail::Cell& cell);

/// The clock of this process, for who knows that its Env does not end meanwhile; null while there is none.
DeadlineClock* active_clock() noexcept;

/// Takes a Worker, or the port of a thread, that ends out of the clock of this process, with the alarms that end with it.
void forget_deadlines(detail::Cell& cell) noexcept;

}  // namespace corps::mail
