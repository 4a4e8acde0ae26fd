#include "env/host/internal/system_error.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include "corps/error.hpp"

namespace corps::host {

void throw_system(int error, std::string_view what) {
  std::string text = "cannot ";
  text += what;
  text += ": " + std::generic_category().message(error);
  switch (error) {
    case EAGAIN:
      throw Overloaded(
          text + "; the limit on processes and threads is reached (raise `ulimit -u` or the pids limit of the control group)");
    case EMFILE: throw Overloaded(text + "; the limit on open descriptors is reached (raise `ulimit -n`)");
    case ENFILE:
    case ENOMEM: throw Overloaded(text + "; the host has no more (end other programs)");
    default: throw Refused(text);
  }
}

void check(int error, std::string_view what) {
  if (error != 0) {
    throw_system(error, what);
  }
}

}  // namespace corps::host
