#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "corps/future.hpp"

namespace corps {

namespace detail {
Future<void> wait_for_descriptor(int fd, bool to_write, std::int64_t limit_ns);
}

/// Ends when `fd` (of a socket, pipe, eventfd, terminal …) can be read or written without blocking, or has an error, or its other
/// end has gone, which the reading or writing then says; of a file on a disk at once:
///
///   co_await corps::readable(fd);            // the Worker's thread is free meanwhile
///   auto const got = ::read(fd, ...);
///
/// Throws Timeout when the limit, or the deadline of the request that waits, has come; Cancelled when it is cancelled; Overloaded
/// when `limits.descriptor_waits` are under way in this Env, or the process has no descriptors left; Refused where no Env runs,
/// when it is stopping, and in the deterministic twin if the descriptor is not ready at once.
///
/// Each wait is for one readiness; ask again for the next. Several may wait for one descriptor: all go on, and should read
/// without blocking (O_NONBLOCK). The descriptor stays the caller's. The wait has a duplicate of it: closing it meanwhile is
/// safe, does not end the wait, and keeps what it refers to open until the wait has ended; `shutdown` ends it.
///
/// Threads: any, as a call; on a plain thread `.get()`. It counts as an open call. Dropping the Future ends the wait, and so does
/// the end of the Worker. std::invalid_argument if `fd` is not an open descriptor.
inline Future<void> readable(int fd) { return detail::wait_for_descriptor(fd, false, std::numeric_limits<std::int64_t>::max()); }
inline Future<void> readable(int fd, std::chrono::nanoseconds limit) {
  return detail::wait_for_descriptor(fd, false, limit.count());
}
inline Future<void> writable(int fd) { return detail::wait_for_descriptor(fd, true, std::numeric_limits<std::int64_t>::max()); }
inline Future<void> writable(int fd, std::chrono::nanoseconds limit) {
  return detail::wait_for_descriptor(fd, true, limit.count());
}

}  // namespace corps
