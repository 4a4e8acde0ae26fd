#include "env/mail/internal/own_wait.hpp"

#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"

namespace corps::mail {

bool open_own_wait(detail::Request& request) {
  auto& caller = detail::self();
  auto const deadline = std::exchange(caller.context.deadline_ns, detail::never_ns);
  bool const opened = detail::open_call(request, {detail::env_facts.env, env_mgr_id}, detail::never_ns);
  caller.context.deadline_ns = request.caller_context.deadline_ns = deadline;
  (void)request.begin();
  return opened;
}

}  // namespace corps::mail
