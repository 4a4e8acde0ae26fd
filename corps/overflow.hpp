#pragma once

#include <cstdint>

namespace corps {

/// What a full mailbox answers to one more request. A class declares it, and how many requests may wait at each of its
/// objects (1 to 250,000; `limits.mailbox` where a class says nothing):
///
///   class Meter : public corps::Conc {
///    public:
///     static constexpr auto corps_overflow = corps::Overflow::drop_oldest;
///     static constexpr std::uint32_t corps_mailbox = 1000;
///
/// Answers, and what the runtime itself has to say, are never refused.
enum class Overflow : std::uint8_t {
  wait,    // a call waits for room, in the order sent; senders take turns. A tell waits if it is awaited, or made by a thread
  refuse,  // the request ends with Overloaded at once
  drop_oldest,  // the request that waits longest ends with Overloaded; sending takes a lock
};

}  // namespace corps
