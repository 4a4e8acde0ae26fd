#include "corps/detail/forward.hpp"

#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"

namespace corps::detail {

void send_on(std::unique_ptr<Request> request, ConcAddr to) noexcept {
  request->target = to.conc;
  request->sent_to = to;
  if (to.env == env_facts.env)
    deliver(*request.release(), nullptr, to);
  else
    route(std::move(request), to.env);
}

}  // namespace corps::detail
