#pragma once

namespace corps::sched {

/// What comes from outside of the Env, for which one thread at a time waits: one without work, so that it can go on at once with
/// what has come, or a thread of its own.
/// Threads: enter(), expect(), interrupt() and hand_over() any; the rest only the one that is inside.
class Outside {
 public:
  /// Whether the caller is inside now. If not, another is, or there is nothing to wait for that is worth it.
  virtual bool enter() noexcept = 0;
  /// A thread that was not let in is awake again, and will come soon.
  virtual void expect() noexcept = 0;
  /// Sleeps until something has come, or until it is interrupted.
  virtual void sleep() noexcept = 0;
  /// Looks whether something has come.
  virtual void look() noexcept = 0;
  /// Wakes who sleeps inside, or who sleeps there next.
  virtual void interrupt() noexcept = 0;
  /// Does what has come, on this thread, and lets the next one in. If nobody comes for long, the thread of its own does.
  virtual void serve_and_leave() noexcept = 0;
  /// The caller was inside, and has more to do now than it thought: if nobody is inside, the thread of its own goes there at
  /// once.
  virtual void hand_over() noexcept = 0;

 protected:
  ~Outside() = default;
};

}  // namespace corps::sched
