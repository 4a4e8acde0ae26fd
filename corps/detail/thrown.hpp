#pragma once

#include <exception>

#include "corps/error.hpp"

namespace corps::detail {

/// Thrown by the runtime in a method's place, before any of the method ran; or by a Task of the runtime, as the error that it
/// ends with.
struct NotRun {
  ErrorInfo info;
};

/// What the caller of a method learns of an exception that came out of it: a RemoteError, whatever it was, for the
/// method ran; or what NotRun says.
ErrorInfo describe_thrown(std::exception_ptr const& thrown) noexcept;

}  // namespace corps::detail
