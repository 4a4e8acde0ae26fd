#include "env/net/internal/open_calls.hpp"

#include <algorithm>

namespace corps::net {

using detail::Request;

void OpenCalls::add(std::uint64_t number, OpenCall call) {
  if (count_ == lists_.size()) grow();
  auto at = first_free_;
  if (at == none) {
    at = static_cast<std::uint32_t>(places_.size());
    places_.emplace_back();
  } else {
    first_free_ = places_[at].next;
  }
  places_[at].number = number;
  places_[at].call = std::move(call);
  places_[at].next = std::exchange(list_of(number), at);
  ++count_;
}

void OpenCalls::grow() {
  lists_.assign(std::max(lists_min, 2 * lists_.size()), none);
  for (std::uint32_t at = 0; at < places_.size(); ++at)
    if (places_[at].call.request != nullptr) places_[at].next = std::exchange(list_of(places_[at].number), at);
}

Request* OpenCalls::find(std::uint64_t number) const noexcept {
  if (count_ == 0) return nullptr;
  auto at = lists_[number & (lists_.size() - 1)];
  while (at != none && places_[at].number != number) at = places_[at].next;
  return at == none ? nullptr : places_[at].call.request.get();
}

OpenCall OpenCalls::take(std::uint64_t number) noexcept {
  if (count_ == 0) return {};
  auto at = list_of(number);
  while (at != none && places_[at].number != number) at = places_[at].next;
  if (at == none) return {};
  auto call = std::move(places_[at].call);
  free(take_out(at));
  return call;
}

/// Of its list.
std::uint32_t OpenCalls::take_out(std::uint32_t at) noexcept {
  auto* link = &list_of(places_[at].number);
  while (*link != at) link = &places_[*link].next;
  *link = places_[at].next;
  return at;
}

void OpenCalls::free(std::uint32_t at) noexcept {
  places_[at].next = std::exchange(first_free_, at);
  if (--count_ != 0 || places_.size() <= kept_places_max) return;
  std::vector<Place>{}.swap(places_);
  std::vector<std::uint32_t>{}.swap(lists_);
  first_free_ = none;
}

}  // namespace corps::net
