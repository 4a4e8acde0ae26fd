#include "corps/detail/gather.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "corps/detail/combine.hpp"
#include "corps/detail/waiting.hpp"
#include "corps/error.hpp"

namespace corps::detail {

Gather::Gather(std::size_t places) : places_(std::make_unique<Place[]>(places)), count_(places) {}  // NOLINT

Gather::~Gather() {
  for (std::size_t place = 0; place < count_; ++place) forget(place);
}

void Gather::watch(std::size_t place, Request* request) {
  auto& which = places_[place];
  which.gather = this;
  auto& call = checked(request);
  which.request = &call;
  if (call.ended())
    on_ended(which);
  else
    call.listener = &which;
}

void Gather::forget(std::size_t place) noexcept {
  if (auto* const request = std::exchange(places_[place].request, nullptr)) request->listener = nullptr;
}

void Gather::on_ended(Place& place) noexcept {
  place.request = nullptr;
  place.next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = &place;
  last_ = &place;
  pause.wake();
}

std::size_t Gather::take() noexcept {
  auto* const place = first_;
  first_ = place->next;
  if (first_ == nullptr) last_ = nullptr;
  return static_cast<std::size_t>(place - places_.get());
}

void Gather::block(std::int64_t until_ns) {
  if (!ready()) pause.block(until_ns);
}

void Gather::check() {
  auto const early = pause.finish();
  if (early == nullptr || ready()) return;
  if (early->code == Errc::timeout)
    early->text =
        "none of the calls that are waited for has ended before the deadline of the request that waits; give it longer "
        "with within(...), or look at what holds them up";
  throw_error(*early);
}

void end_cancelled_task() {
  throw NotRun{{Errc::cancelled, Ran::maybe, "what waits for several calls was cancelled, and they with it", {}, {}}};
}

void no_futures() { throw std::invalid_argument{"corps: the first of no Futures: when_any needs one at least"}; }

ErrorInfo limit_passed(std::chrono::nanoseconds limit) {
  return {Errc::timeout,
          Ran::maybe,
          fmt::format("it had not ended after the {} ms that with_timeout was given, and was cancelled",
                      std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()),
          {},
          {}};
}

void Ending::await_suspend(std::coroutine_handle<> awaiting) const { await(request, awaiting); }

}  // namespace corps::detail
