#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "corps/detail/envelope.hpp"
#include "env/mail/internal/probe_way.hpp"

namespace corps::net {

/// The calls of one peer that Workers of this Env have and have not answered, to be found by the peer's numbers. They are linked
/// by the fields that a caller's side would need, which they have not: nothing is allocated for them. A number that the peer has
/// given twice finds one of the two.
/// Threads: any.
class ServedCalls {
 public:
  /// From here on they may be found; each must be removed before it is freed. Those that want no answer, and those that the Env
  /// serves itself, are left out.
  void add(std::span<std::unique_ptr<detail::Request> const> calls) noexcept;
  /// Does nothing with one that was not added.
  void remove(detail::Request& call) noexcept;
  /// The peer wants no answer any more. Returns who must be told: the method was begun, and has not been told before. Nothing: it
  /// was not begun and will not be, or there is no such call.
  std::optional<detail::HandedOn> give_up(std::uint64_t number) noexcept;
  /// Whether there is a call of the same two Workers that the peer made after this one. Looks at all there are.
  bool has_later(std::uint64_t number, ConcId target, ConcId caller) noexcept;
  /// A call of the peer, as it is now.
  mail::ServedCall find(std::uint64_t number) noexcept;

 private:
  void add(detail::Request& call) noexcept;

  static constexpr std::size_t lists = 256;  // one behind the other, the calls would take long to search

  detail::Request* in_list(std::uint64_t number) noexcept;
  detail::Request*& list_of(std::uint64_t number) noexcept { return lists_[number % lists]; }

  std::mutex mutex_;  // a leaf
  std::array<detail::Request*, lists> lists_{};
};

}  // namespace corps::net
