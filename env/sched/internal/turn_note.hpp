#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "corps/address.hpp"

namespace corps::sched {

/// What a thread that runs Workers does now, for whoever looks from outside.
struct TurnNote {
  std::atomic<ConcId> worker{ConcId::none};
  std::atomic<std::int64_t> since_ns{0};
  int thread = 0;  // as the kernel numbers it
};

/// This thread's note, which stays known until the thread ends.
TurnNote& make_turn_note();
extern constinit thread_local TurnNote* own_turn_note;

/// Marks a turn, from here to the end of the scope.
class NotedTurn {
 public:
  NotedTurn(ConcId worker, std::int64_t now_ns) : note_(own_turn_note == nullptr ? make_turn_note() : *own_turn_note) {
    note_.since_ns.store(now_ns, std::memory_order_relaxed);
    note_.worker.store(worker, std::memory_order_relaxed);
  }
  ~NotedTurn() { note_.worker.store(ConcId::none, std::memory_order_relaxed); }
  NotedTurn(NotedTurn const&) = delete;
  NotedTurn& operator=(NotedTurn const&) = delete;

 private:
  TurnNote& note_;
};

struct TurnSeen {
  int thread = 0;
  ConcId worker = ConcId::none;  // none: it runs nobody
  std::int64_t since_ns = 0;
};
std::vector<TurnSeen> turns_seen();

}  // namespace corps::sched
