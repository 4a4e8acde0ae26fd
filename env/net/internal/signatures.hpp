#pragma once

#include <memory>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/error.hpp"

namespace corps::net {

/// Ends a call with an AttributeError of another Env, when that has said which signatures the method has there: it was asked with
/// a hash, which tells it nothing. Takes the call over.
void end_with_signatures(EnvId env, std::unique_ptr<detail::Request> call, ErrorInfo info) noexcept;

}  // namespace corps::net
