#include "env/net/internal/readiness.hpp"

#include <exception>
#include <utility>

namespace corps::net {

void Readiness::add(std::uint64_t number, host::UniqueFd fd, bool to_write, Done done) {
  auto& wait = waits_[number];
  wait.done = std::move(done);
  auto const ready = [this, number] { end(number, {}); };
  try {
    wait.descriptor.emplace(reactor_, std::move(fd), ready, ready);
  } catch (std::exception const& error) {
    return end(number, error.what());
  }
  if (to_write)
    wait.descriptor->arm_write();
  else
    wait.descriptor->arm_read();
}

void Readiness::end(std::uint64_t number, std::string const& error) {
  auto const ended = waits_.extract(number);
  if (ended) ended.mapped().done(error);
}

}  // namespace corps::net
