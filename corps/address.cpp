#include "corps/address.hpp"

#include <fmt/format.h>

#include "corps/detail/conc_id.hpp"

namespace corps {

std::string to_string(ConcAddr address) {
  auto const parts = detail::split(address.conc);
  auto const ext = is_external(address) ? ext_addr(address) : ExtAddr{};
  if (ext.corps == CorpsId{}) return fmt::format("env {}, conc {}.{}", address.env, parts.slot, parts.use);
  return fmt::format("corps {}, env {}, conc {}.{}", to_string(ext.corps), ext.env, parts.slot, parts.use);
}

std::string to_string(CorpsId const& corps) {
  std::string text;
  for (auto const byte : corps.bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace corps
