#include "env/net/internal/served_calls.hpp"

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"

namespace corps::net {

using detail::Request;

void ServedCalls::add(std::span<std::unique_ptr<Request> const> calls) noexcept {
  std::lock_guard const lock{mutex_};
  for (auto const& call : calls)
    if (call->origin != nullptr && call->method->env_serves == nullptr) add(*call);
}

/// With the lock held.
void ServedCalls::add(Request& call) noexcept {
  auto& first = list_of(call.origin_call);
  call.opened = true;
  call.open_prev = nullptr;
  call.open_next = first;
  if (first != nullptr) first->open_prev = &call;
  first = &call;
}

void ServedCalls::remove(Request& call) noexcept {
  if (!call.opened) return;
  std::lock_guard const lock{mutex_};
  call.opened = false;
  (call.open_prev == nullptr ? list_of(call.origin_call) : call.open_prev->open_next) = call.open_next;
  if (call.open_next != nullptr) call.open_next->open_prev = call.open_prev;
}

/// With the lock held.
Request* ServedCalls::in_list(std::uint64_t number) noexcept {
  auto* call = list_of(number);
  while (call != nullptr && call->origin_call != number) call = call->open_next;
  return call;
}

std::optional<detail::HandedOn> ServedCalls::give_up(std::uint64_t number) noexcept {
  std::lock_guard const lock{mutex_};
  auto* const call = in_list(number);
  if (call == nullptr || call->give_up()) return std::nullopt;
  switch (call->note_cancel()) {
    case Request::Cancel::known: return std::nullopt;
    case Request::Cancel::noted: return detail::HandedOn{{detail::env_facts.env, call->target}, 0};
    case Request::Cancel::noted_where_handed_on: return call->handed_on();
  }
  return std::nullopt;
}

bool ServedCalls::has_later(std::uint64_t number, ConcId target, ConcId caller) noexcept {
  std::lock_guard const lock{mutex_};
  for (auto const* call : lists_)
    for (; call != nullptr; call = call->open_next)
      if (call->origin_call > number && call->target == target && call->caller_id == caller) return true;
  return false;
}

mail::ServedCall ServedCalls::find(std::uint64_t number) noexcept {
  std::lock_guard const lock{mutex_};
  auto const* const call = in_list(number);
  if (call == nullptr) return {};
  return {call, call->target, call->progress.load(std::memory_order_acquire) != Request::Progress::away};
}

}  // namespace corps::net
