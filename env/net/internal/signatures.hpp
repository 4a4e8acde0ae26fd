#pragma once

#include <memory>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/forward.hpp"
#include "corps/error.hpp"

namespace corps::net {

/// How a question goes to its Env. Takes it over; it comes home to its origin.
using SendQuestion = void (*)(std::unique_ptr<detail::Request> question, ConcAddr to) noexcept;

/// Ends a call with the error of another Env, which has no method of this identity, when that has said which signatures the
/// method has there: it was asked with a hash, which tells it nothing. Takes the call over. If there is no answer within 1 s, or
/// an error, it ends with the error as it is. Not for such questions themselves.
void end_with_signatures(EnvId env, std::unique_ptr<detail::Request> call, ErrorInfo info,
                         SendQuestion send = &detail::send_on) noexcept;

}  // namespace corps::net
