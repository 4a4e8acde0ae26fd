// Calls of idempotent methods that may have been lost with their session, and are sent again in the next one.

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "env/net/internal/link.hpp"

namespace corps::net {
namespace {

using detail::Request;

bool is_wanted(Request const& request) {
  return request.method->idempotent && request.deadline_ns > detail::now_ns() && !request.is_cancelled();
}

}  // namespace

bool Link::may_retry(Request const& request) const noexcept { return request.method->idempotent && limits_.retries_max != 0; }

// With mutex_ held: it is away no more. `ran`: it may have run.
void Link::call_ended(std::uint64_t number, Request const& request, bool ran) noexcept {
  if (retryable_.empty()) return;
  auto const pair = pair_of_call(request);
  if (ran) retryable_.answered(pair, number);
  if (may_retry(request)) retryable_.remove(pair, number);
}

// With both locks held, when the old session has ended and before anybody sends in the new one. Between two Workers, what is sent
// again is the last of what may have run: from the youngest on, all up to the first that cannot be, or that a later one was
// answered before. The bytes are bounded as those of requests that are let in.
void Link::retry(std::vector<Ended>& ended, bool in_next_session) {
  if (in_next_session && limits_.retries_max != 0 && gone_.empty()) put_again(ended);
  for (auto const& each : ended)
    if (each.number != 0) call_ended(each.number, *each.call.request, false);
}

void Link::put_again(std::vector<Ended>& ended) {
  std::unordered_set<WorkerPair, HashWorkerPair> closed;
  open_.for_each([&](OpenCall const& call) { closed.insert(pair_of_call(*call.request)); });  // not sent before, and sent now
  std::ranges::sort(ended, std::greater{}, &Ended::number);
  struct Retried {
    Ended* call;
    detail::ByteBuffer const* request;
  };
  std::vector<Retried> retried;
  auto bytes = session_.kept_bytes();
  for (auto& each : ended) {
    if (each.number == 0) continue;
    auto const& request = *each.call.request;
    auto const pair = pair_of_call(request);
    if (closed.contains(pair)) continue;
    auto const* const request_bytes = retryable_.request(each.number);
    if (request_bytes == nullptr || each.call.sent > limits_.retries_max || bytes >= limits_.in_flight_bytes_max ||
        retryable_.is_overtaken(pair, each.number) || !is_wanted(request)) {
      if (each.ran != Ran::no) closed.insert(pair);
      continue;
    }
    bytes += request_bytes->size();
    retried.push_back({&each, request_bytes});
  }
  for (auto each = retried.rbegin(); each != retried.rend(); ++each) {
    auto& [number, call, ran] = *each->call;
    detail::ByteBuffer frame;
    frame.append(each->request->data(), each->request->size());
    renew_request(frame, *call.request, call.sent != 0);
    call.frame = session_.push(FrameKind::request, frame, pair_of_call(*call.request));
    open_.add(number, std::move(call));
  }
  retried_ += retried.size();
  std::erase_if(ended, [](Ended const& each) { return each.call.request == nullptr; });
}

// With mutex_ held, in a session without a carrier: it is restored as one that was cut.
void Link::resume_retried(bool dialing) {
  state_ = dialing ? State::dialing : State::wanted;
  resuming_ = true;
  ++cut_;
  cut_ns_ = detail::now_ns();
}

std::size_t Link::take_retried() noexcept {
  std::lock_guard const lock{mutex_};
  return std::exchange(retried_, 0);
}

}  // namespace corps::net
