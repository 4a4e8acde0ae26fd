#pragma once

#include "corps/detail/envelope.hpp"
#include "corps/error.hpp"

/// The texts of the errors that a call can end with in its own Env.
namespace corps::mail {

/// "Class::method", or what a request without a method is called.
std::string method_name(detail::Request const& request);

/// The deadline passed while the request was away.
ErrorInfo timed_out(detail::Request const& request, ConcAddr target);
/// The deadline passed before the request was begun.
ErrorInfo not_begun_in_time(detail::Request const& request, ConcAddr target);
/// The deadline passed while a tell waited for room.
ErrorInfo no_room_in_time(detail::Request const& request);
/// The caller has given the call up.
ErrorInfo cancelled(detail::Request const& request, Ran ran);
/// The Worker ended while the request ran.
ErrorInfo ended_while_running(detail::Request const& request, ConcAddr target);

}  // namespace corps::mail
