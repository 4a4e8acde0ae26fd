#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "corps/detail/envelope.hpp"

/// Messages of this Env that reached nobody, or that nobody waited for any more. None of them is dropped in silence.
namespace corps::mail {

enum class DeadLetter : std::uint8_t {
  no_worker,    // a tell to a Worker that has ended, or never was
  no_room,      // a tell to a Worker whose mailbox was full
  too_old,      // a tell whose deadline passed before it was begun
  late_answer,  // the answer of a call that had been given up
};
inline constexpr std::size_t dead_letter_kinds = 4;

/// Counts it, and writes a line to the log unless there were many in this second; the next line says how many were left
/// out. Any thread.
void dead_letter(DeadLetter kind, detail::Request const& request) noexcept;

/// How many there were since the process began, by kind. Any thread.
std::array<std::uint64_t, dead_letter_kinds> dead_letters() noexcept;

/// Counts a tell that ended with an error of the runtime. False: it is another error, or not a tell.
bool is_dead_letter(detail::Request const& request) noexcept;

}  // namespace corps::mail
