#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/local_request.hpp"
#include "corps/detail/reply.hpp"

/// Where requests wait for room in a mailbox that is full: in a line per sender, at the target. Nobody passes them: while
/// there are any, the word of the mailbox looks full to every sender. A class with `Overflow::drop_oldest` has all its
/// requests come through here, in one line.
namespace corps::mail {

/// What became of a request that found no room at first.
enum class Entered : std::uint8_t {
  sent,    // there was room, or it was made by dropping the oldest
  parked,  // it waits for room; `withdraw` takes it out again
  full,    // the class refuses it: the sender keeps it
  closed,  // nobody serves here: the sender keeps it
};
Entered enter(detail::Cell& cell, detail::Request& request) noexcept;

/// In the Worker's own turn, when the word of its mailbox says that requests are parked: those for which there is room
/// join the requests that wait, one of each sender by turns. Gives the Worker's `room_back` first.
void admit(detail::Cell& cell) noexcept;

/// The same, and lets the mailbox go idle if there was no room for any, and nothing else to do. False: there may be.
bool admit_or_go_idle(detail::Cell& cell) noexcept;

/// Takes a request out that was parked at `target` and has not been admitted. False: it has, or has ended. For the sender.
bool withdraw(detail::Request& request) noexcept;

/// Counts a withdrawn call that has been ended early as answered. For the sender, in its own turn.
void bring_home(detail::Cell& sender, detail::Request& request);

/// Ends all that are parked at a mailbox that has just been closed.
void close_lobby(detail::Cell& cell) noexcept;

/// How many requests are parked at a mailbox. Any thread.
std::size_t parked_at(detail::Cell& cell) noexcept;

/// A call of the Worker to itself, so to speak, that stands for a `tell` that waits for room, and ends when it is in the
/// mailbox.
struct Ticket final : detail::LocalRequest<detail::Reply<void>> {
  explicit Ticket(std::unique_ptr<detail::Request> what) : LocalRequest(what->method), told(std::move(what)) {
    weight = told->weight;
    stands_for_tell = true;
  }

  std::unique_ptr<detail::Request> told;
};

}  // namespace corps::mail
