#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "corps/detail/envelope.hpp"
#include "env/host/internal/unique_fd.hpp"

/// Workers and threads that wait until a descriptor can be read or written.
namespace corps::mail {

/// Who can wait for descriptors: the I/O thread of the Env. Threads: any.
class DescriptorWaits {
 public:
  /// Calls `descriptor_ready` once, on its own thread, when the descriptor is, unless it was told to forget it before.
  virtual void begin(std::uint64_t number, host::UniqueFd fd, bool to_write) = 0;
  virtual void forget(std::uint64_t number) noexcept = 0;

 protected:
  ~DescriptorWaits() = default;
};

/// From now on waits go there, `waits_max` at a time.
void begin_descriptor_waits(DescriptorWaits& waits, std::size_t waits_max);
/// Ends those that are under way, and refuses further ones.
void end_descriptor_waits() noexcept;

/// The wait with this number is over. `error`: why it could not be waited for; empty: the descriptor is ready.
void descriptor_ready(std::uint64_t number, std::string const& error) noexcept;

/// How many are under way.
std::size_t descriptor_waits() noexcept;

/// What a wait ends with whose time has come; only of a request that is one.
bool is_descriptor_wait(detail::Request const& request) noexcept;
ErrorInfo descriptor_timed_out(detail::Request const& request);

}  // namespace corps::mail
