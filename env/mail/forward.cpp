#include "corps/detail/forward.hpp"

#include <fmt/format.h>

#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"

namespace corps::detail {

bool note_handed_on(Request& request, HandedOn const& to) noexcept {
  auto* first = &request;
  while (first->origin != nullptr) {
    auto const* const before = first->origin->first_of(*first);
    if (before == nullptr) break;
    first = const_cast<Request*>(before);
  }
  return first->hand_on(to);
}

ErrorInfo cancelled_before(ConcAddr to) {
  return {Errc::cancelled, Ran::maybe, fmt::format("it was cancelled before it was handed on to {}", to_string(to)), {}, {}};
}

void send_on(std::unique_ptr<Request> request, ConcAddr to) noexcept {
  request->target = to.conc;
  request->sent_to = to;
  if (to.env == env_facts.env)
    deliver(*request.release(), nullptr, to);
  else
    route(std::move(request), to.env);
}

}  // namespace corps::detail
