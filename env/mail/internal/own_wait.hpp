#pragma once

#include "corps/detail/local_request.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"

namespace corps::mail {

/// A request for something that the runtime itself waits for: it is away as a call is, but no Worker serves it. Whoever has it
/// ends it with end() or bounce(), on any thread; it comes home through the mailbox.
struct OwnWait : detail::LocalRequest<detail::Reply<void>> {
  explicit OwnWait(detail::MethodRecord const& record) : LocalRequest(&record) {}

  /// What it waited for has come.
  void end() noexcept {
    result.emplace();
    finish();
  }
};

/// Notes on the caller's side that it is about to leave, without a deadline. False: it has ended already, and stays.
bool open_own_wait(detail::Request& request);

}  // namespace corps::mail
