#pragma once

#include <atomic>

namespace corps::detail {

/// One end of a stream waits for what the other does, and is woken by an envelope of which there is only one: this says who has
/// to look again, and who to send.
class WaitFlag {
 public:
  /// The end that would wait, before it does and each time it is woken: whether it must wait on. A wake may be of an earlier
  /// wait, and have taken the flag of this one: so it is raised again before the look.
  template <class Ready>
  [[nodiscard]] bool must_wait(Ready const& ready) {
    waits_.store(true, std::memory_order_seq_cst);
    if (!ready()) return true;
    waits_.store(false, std::memory_order_relaxed);
    return false;
  }
  /// The same, where it is known that there is nothing yet.
  void raise() noexcept { waits_.store(true, std::memory_order_relaxed); }

  /// The other end, after it has done something: whether it must send the envelope.
  bool takes_a_wake() noexcept {
    return waits_.load(std::memory_order_seq_cst) && waits_.exchange(false, std::memory_order_seq_cst) && departs();
  }
  /// Whether the envelope may be sent now. If it is under way it is not sent twice: who gets it looks when it arrives.
  bool departs() noexcept { return !under_way_.exchange(true, std::memory_order_acq_rel); }
  /// The envelope has arrived, or will not. Before the look.
  void arrived() noexcept { (void)under_way_.exchange(false, std::memory_order_acq_rel); }

 private:
  std::atomic<bool> waits_{false};
  std::atomic<bool> under_way_{false};
};

}  // namespace corps::detail
