#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "corps/address.hpp"
#include "corps/future.hpp"
#include "corps/name.hpp"

namespace corps {

/// How a Worker ended.
enum class EndedHow : std::uint8_t {
  failed,        // it threw where nobody else takes the blame: in its constructor, on_start or on_main
  by_itself,     // it asked to end
  by_mgr,        // the Worker that created it asked
  by_other,      // somebody else asked
  env_stopping,  // its Env was told to stop
  env_lost,      // its Env is gone, or the way to it
  before,        // there was no such Worker any more when it was asked for, or there never was
};

/// The end of a Worker, as whoever watches it learns of it.
struct Ending {
  EndedHow how = EndedHow::before;
  std::string text;  // for people: what it failed with, or how its Env was lost; may be empty
};

namespace detail {
Future<corps::Ending> watch(ConcAddr address);
}

/// Ends when the Worker has ended, exactly once, and at once if there is none: `Ending const end = co_await corps::watch(name)`.
/// By then its object is destroyed, and every call to it ends with WorkerLost. The Worker may be in any Env of this Corps.
/// It has no deadline. Dropping the Future ends the watch, and leaves nothing behind at either end. Any thread, as a call; it
/// counts as an open call of the Worker that watches.
template <class T>
Future<Ending> watch(Name<T> const& name) {
  return detail::watch(name.address());
}

/// What `exit` returns: the wish is sent already, and this need not be looked at.
///
///   corps::exit(name);                                 // goes on at once
///   auto const end = co_await corps::exit(name);       // goes on when the Worker has ended
///   corps::exit(name).get();                           // the same, on a plain thread
class Exiting {
 public:
  explicit Exiting(ConcAddr address) noexcept : address_(address) {}
  /// A watch of the Worker's end. Throws std::logic_error if it is the caller itself, which cannot wait for its own end.
  Future<Ending> ended() const;
  Ending get() const { return ended().get(); }
  /// Throws Timeout when it has not ended within the limit.
  Ending get(std::chrono::nanoseconds limit) const { return ended().get(limit); }
  auto operator co_await() {
    future_ = ended();
    return future_.operator co_await();
  }

 private:
  ConcAddr address_;
  Future<Ending> future_;
};

namespace detail {
/// Ends the Worker whose turn this is.
void exit_self();
}  // namespace detail

/// Asks a Worker to end, after the step it runs: a request that waits at a co_await is destroyed and ends with WorkerLost (maybe
/// run), one that was not begun ends with WorkerLost too (not run). Does nothing if it is gone. Any thread. The Workers that it
/// created live on: whoever is to take them along ends them in `on_exit`.
template <class T>
Exiting exit(Name<T> const& name) {
  detail::exit_worker(name.address());
  return Exiting{name.address()};
}

/// The Worker whose turn this is ends, at its next co_await that waits, or when the step that it runs has ended. The request that
/// runs still answers if it ends before. Throws std::logic_error on a plain thread.
inline void exit_self() { detail::exit_self(); }

}  // namespace corps
