#include "corps/address.hpp"

#include <fmt/format.h>

#include "corps/detail/conc_id.hpp"

namespace corps {

std::string to_string(ConcAddr address) {
  auto const parts = detail::split(address.conc);
  return fmt::format("env {}, conc {}.{}", address.env, parts.slot, parts.use);
}

}  // namespace corps
