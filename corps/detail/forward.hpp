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

 private:
  static Reply<R>& stood_for(Request const& request) noexcept { return *reinterpret_cast<Reply<R>*>(request.origin_call); }
};

template <class R>
inline constinit Relay<R> relay_origin{};

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
    send_on(std::move(call_), to_);
  }

 private:
  std::unique_ptr<Reply<R>> call_;
  ConcAddr to_;
};

}  // namespace corps::detail
