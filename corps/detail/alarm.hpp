#pragma once

#include <cstdint>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"

namespace corps::detail {

/// Something that the Env's clock does at a time.
class Alarm {
 public:
  Alarm() = default;
  Alarm(Alarm const&) = delete;
  Alarm& operator=(Alarm const&) = delete;

  /// The time has come, and the clock has let go of it. On the thread that runs the event loop, or on the clock's: must be brief
  /// and must not block.
  virtual void ring() noexcept = 0;
  /// The clock lets go of it without a ring: the clock, or the Worker it was to end with, ends. Once for each hold. Any thread.
  virtual void given_back() noexcept = 0;

  // The clock's notes, under its mutex.
  std::int64_t at_ns = never_ns;  // never: it is not set
  std::uint64_t number = 0;       // in the order in which they were set first
  ConcId owner = ConcId::none;    // the Worker with which it ends
  bool called_off = false;

 protected:
  ~Alarm() = default;
};

enum class Alarmed : std::uint8_t {
  set,
  called_off,  // it was called off before, and stays so
  full,        // limits.timers of them are set
  no_clock,    // no Env runs in this process, or it is stopping
};

/// The clock takes hold of an alarm that is not set. `again`: it has just rung, and keeps its place when the clock is full.
Alarmed set_alarm(Alarm& alarm, std::int64_t at_ns, bool again = false) noexcept;

/// Which holds the clock had on an alarm that is called off.
struct CalledOff {
  bool was_set = false;    // it will not ring; if it was not set, it may just be ringing
  bool was_owned = false;  // it was to end with a Worker
};
/// The alarm is not set, and cannot be set, any more.
CalledOff call_off(Alarm& alarm) noexcept;

/// The clock takes a second hold of an alarm, and calls it off when the Worker ends. False: it was called off already.
bool end_with(Alarm& alarm, ConcId owner) noexcept;

}  // namespace corps::detail
