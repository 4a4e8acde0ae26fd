#pragma once

#include <cstdint>

#include "corps/detail/envelope.hpp"

namespace corps::detail {

/// The most units of room a mailbox may have.
inline constexpr std::uint32_t mailbox_units_max = 250'000;

/// The one word of a mailbox that senders and the Worker share, changed by one compare-and-swap: the newest envelope, or a
/// mark; how many units of room the waiting requests take; whether senders are parked for want of room; and whether the Worker
/// sleeps though requests wait. An address of
/// user space that is a multiple of 16 leaves the bits for the rest.
class MailboxHead {
 public:
  constexpr MailboxHead() noexcept = default;
  constexpr explicit MailboxHead(std::uint64_t word) noexcept : word_(word) {}

  /// Nothing has arrived, and the Worker will find what does by itself.
  static constexpr MailboxHead awake() noexcept { return {}; }
  /// Nothing has arrived; whoever puts something in wakes the Worker.
  static constexpr MailboxHead idle() noexcept { return MailboxHead{idle_mark << pointer_shift}; }
  /// Nobody serves here. It takes more units than any mailbox has, so that a sender who looks for room finds none.
  static constexpr MailboxHead closed() noexcept { return MailboxHead{closed_mark << pointer_shift | low_mask}; }

  constexpr std::uint64_t word() const noexcept { return word_; }
  /// The units taken. A mailbox at which senders are parked looks full, so that nobody overtakes them.
  constexpr std::uint32_t taken() const noexcept { return static_cast<std::uint32_t>(word_ & (parked_bit | units_mask)); }
  constexpr std::uint32_t units() const noexcept { return static_cast<std::uint32_t>(word_ & units_mask); }
  constexpr bool parked() const noexcept { return (word_ & parked_bit) != 0; }
  /// The Worker can begin no request, and sleeps: it need not be woken for one that nobody waits for.
  constexpr bool is_asleep() const noexcept { return (word_ & asleep_bit) != 0 && !is_closed(); }
  constexpr bool is_closed() const noexcept { return pointer() == closed_mark; }
  constexpr bool is_idle() const noexcept { return pointer() == idle_mark; }
  /// Nothing has arrived, and the Worker is awake.
  constexpr bool is_empty() const noexcept { return pointer() == 0; }
  /// The newest of what has arrived; null if that is nothing.
  Envelope* newest() const noexcept {
    auto const address = pointer();
    return address <= closed_mark ? nullptr : reinterpret_cast<Envelope*>(address);  // NOLINT
  }

  /// The same room, with another envelope or null for nothing.
  MailboxHead with(Envelope* newest) const noexcept {
    return MailboxHead{reinterpret_cast<std::uintptr_t>(newest) << pointer_shift | (word_ & low_mask)};  // NOLINT
  }
  constexpr MailboxHead as_idle() const noexcept { return MailboxHead{idle_mark << pointer_shift | (word_ & low_mask)}; }
  constexpr MailboxHead as_awake() const noexcept { return MailboxHead{word_ & (parked_bit | units_mask)}; }
  constexpr MailboxHead as_asleep() const noexcept { return MailboxHead{word_ | asleep_bit}; }
  /// What arrived stays, and the Worker looks.
  constexpr MailboxHead woken() const noexcept { return MailboxHead{word_ & ~asleep_bit}; }
  constexpr MailboxHead plus(std::uint32_t units) const noexcept { return MailboxHead{word_ + units}; }
  constexpr MailboxHead minus(std::uint32_t units) const noexcept { return MailboxHead{word_ - units}; }
  constexpr MailboxHead with_parked(bool on) const noexcept { return MailboxHead{on ? word_ | parked_bit : word_ & ~parked_bit}; }

 private:
#if defined(__x86_64__)
  static constexpr unsigned address_bits = 47;
#else
  static constexpr unsigned address_bits = 48;
#endif
  static constexpr unsigned pointer_shift = 64 - address_bits;
  static constexpr unsigned spare_low_bits = 4;
  static_assert(alignof(Envelope) >= 1U << spare_low_bits);
  static constexpr std::uint64_t low_mask = (std::uint64_t{1} << (pointer_shift + spare_low_bits)) - 1;
  static constexpr std::uint64_t parked_bit = (low_mask + 1) / 2;
  static constexpr std::uint64_t asleep_bit = parked_bit / 2;
  static constexpr std::uint64_t units_mask = asleep_bit - 1;
  static_assert(mailbox_units_max < units_mask && sizeof(std::uintptr_t) == sizeof(std::uint64_t));
  static constexpr std::uint64_t idle_mark = 1U << spare_low_bits;
  static constexpr std::uint64_t closed_mark = 2U << spare_low_bits;

  constexpr std::uint64_t pointer() const noexcept { return (word_ & ~low_mask) >> pointer_shift; }

  std::uint64_t word_ = 0;
};

}  // namespace corps::detail
