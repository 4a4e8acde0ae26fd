#include "env/net/internal/baton.hpp"

#include "corps/detail/runtime.hpp"

namespace corps::net {

bool Baton::take() noexcept {
  return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_seq_cst);
}

// Who leaves says so, and then looks at the alarm; the loop's own thread resets the alarm, and then looks who is there. So one of
// them sees the other.
void Baton::leave(std::int64_t now_ns) noexcept {
  left_at_ns_.store(now_ns, std::memory_order_relaxed);
  taken_.store(false, std::memory_order_seq_cst);
  alarm_.ring_at(now_ns + absence_ns_max);
}

void Baton::call_home() noexcept {
  called_home_.store(true, std::memory_order_seq_cst);
  alarm_.ring();
}

void Baton::await() noexcept {
  for (;;) {
    alarm_.wait();
    bool const called = called_home_.exchange(false, std::memory_order_seq_cst);
    if (is_taken()) continue;  // who leaves sets the alarm
    auto const needed_ns = left_at_ns_.load(std::memory_order_relaxed) + absence_ns_max;
    if (!called && detail::now_ns() < needed_ns)
      alarm_.ring_at(needed_ns);
    else if (take())
      return;
  }
}

}  // namespace corps::net
