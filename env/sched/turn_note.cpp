#include "env/sched/internal/turn_note.hpp"

#include <unistd.h>

#include <mutex>
#include <vector>

#include "env/host/internal/signal_stack.hpp"

namespace corps::sched {

constinit thread_local TurnNote* own_turn_note = nullptr;

namespace {

struct Notes {
  std::mutex mutex;
  std::vector<TurnNote const*> all;
};

/// Never destroyed: threads that outlive main may end.
Notes& notes() {
  static auto* const instance = new Notes;
  return *instance;
}

struct ThisThread {
  ThisThread() {
    note.thread = ::gettid();
    std::lock_guard const lock{notes().mutex};
    notes().all.push_back(&note);
    own_turn_note = &note;
  }
  ~ThisThread() {
    own_turn_note = nullptr;
    std::lock_guard const lock{notes().mutex};
    std::erase(notes().all, &note);
  }
  ThisThread(ThisThread const&) = delete;
  ThisThread& operator=(ThisThread const&) = delete;
  TurnNote note;
  host::SignalStack signal_stack;  // a crash of what runs here is reported, an overflow of its stack too
};

}  // namespace

TurnNote& make_turn_note() {
  thread_local ThisThread here;
  return here.note;
}

std::vector<TurnSeen> turns_seen() {
  std::lock_guard const lock{notes().mutex};
  std::vector<TurnSeen> seen;
  seen.reserve(notes().all.size());
  for (auto const* note : notes().all)
    seen.push_back({note->thread, note->worker.load(std::memory_order_relaxed), note->since_ns.load(std::memory_order_relaxed)});
  return seen;
}

}  // namespace corps::sched
