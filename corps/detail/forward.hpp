#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "corps/address.hpp"
#include "corps/detail/promise.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"

namespace corps::detail {

/// Notes who serves a request now, in the first one that it stands for. False: that was cancelled.
bool note_handed_on(Request& request, HandedOn const& to) noexcept;

/// Where a request that was handed on has its answer sent: to the request it stands for.
template <class R>
class Relay final : public Origin {
 public:
  void answer(std::unique_ptr<Request> answered) noexcept override {
    auto& first = stood_for(*answered);
    if (answered->error != nullptr) {
      first.error = std::move(answered->error);
      if (first.error->ran == Ran::no) first.error->ran = Ran::maybe;  // the method that handed it on ran
    } else {
      first.result = std::move(static_cast<Reply<R>&>(*answered).result);
    }
    answered.reset();
    first.finish();
  }
  Request const* first_of(Request const& request) const noexcept override { return &stood_for(request); }
  bool going_away(Request const& request, std::uint64_t number) noexcept override {
    return note_handed_on(stood_for(request), {request.sent_to, number});
  }

 private:
  static Reply<R>& stood_for(Request const& request) noexcept { return *reinterpret_cast<Reply<R>*>(request.origin_call); }
};

template <class R>
inline constinit Relay<R> relay_origin{};

/// The error of a request that is not handed on any more.
ErrorInfo cancelled_before(ConcAddr to);

/// Sends a request that has an origin. Takes it over.
void send_on(std::unique_ptr<Request> request, ConcAddr to) noexcept;

template <class R>
class ForwardLater final : public LaterSource<R> {
 public:
  ForwardLater(std::unique_ptr<Reply<R>> call, ConcAddr to) noexcept : call_(std::move(call)), to_(to) {
    inherit_context(*call_, self());
  }

  void take_over(Reply<R>& request) noexcept override {
    call_->deadline_ns = request.deadline_ns;
    call_->origin = &relay_origin<R>;
    call_->origin_call = reinterpret_cast<std::uintptr_t>(static_cast<Reply<R>*>(&request));
    call_->relays = true;
    if (to_.env == env_facts.env && !note_handed_on(request, {to_, 0})) return call_.release()->bounce(cancelled_before(to_));
    send_on(std::move(call_), to_);
  }

 private:
  std::unique_ptr<Reply<R>> call_;
  ConcAddr to_;
};

}  // namespace corps::detail
