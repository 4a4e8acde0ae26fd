#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "corps/detail/envelope.hpp"

namespace corps::net {

/// A request that is away.
struct OpenCall {
  std::unique_ptr<detail::Request> request;
  std::uint64_t frame = 0;  // what its session knows it by
  std::uint32_t sent = 0;   // in so many sessions that have ended
};

/// The calls that are away over a link, by their numbers, which count up: so a list for each remainder has one call, as a rule.
/// Threads: one at a time. Limits: holds as much memory as the most calls took that were ever away at a time; where these were
/// many, it is freed when all have ended. A further call allocates nothing.
class OpenCalls {
 public:
  /// There is none of this number yet.
  void add(std::uint64_t number, OpenCall call);
  /// Null if there is none of this number, which may come from a peer.
  detail::Request* find(std::uint64_t number) const noexcept;
  /// The same, and it is here no more.
  OpenCall take(std::uint64_t number) noexcept;
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (auto const& place : places_)
      if (place.call.request != nullptr) visit(place.call);
  }
  /// Takes out those for which `visit(number, call)` says so, which has moved the call away.
  template <class Visit>
  void take_if(Visit&& visit) {
    for (std::uint32_t at = 0; at < places_.size(); ++at)
      if (places_[at].call.request != nullptr && visit(places_[at].number, places_[at].call)) free(take_out(at));
  }

 private:
  struct Place {
    std::uint64_t number = 0;
    OpenCall call;
    std::uint32_t next = 0;  // in its list, or in that of free places
  };
  static constexpr std::uint32_t none = UINT32_MAX;
  static constexpr std::size_t lists_min = 16;
  static constexpr std::size_t kept_places_max = 1024;  // of a link on which nothing is away

  std::uint32_t& list_of(std::uint64_t number) noexcept { return lists_[number & (lists_.size() - 1)]; }
  void grow();
  std::uint32_t take_out(std::uint32_t at) noexcept;
  void free(std::uint32_t at) noexcept;

  std::vector<Place> places_;
  std::vector<std::uint32_t> lists_;  // the first place of each; a power of two of them, more than calls
  std::uint32_t first_free_ = none;
  std::size_t count_ = 0;
};

}  // namespace corps::net
