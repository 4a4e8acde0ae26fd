#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "corps/detail/mailbox_head.hpp"
#include "corps/detail/packable.hpp"
#include "corps/detail/runtime.hpp"

namespace corps::detail {

/// What a node of a map, a set or a list costs beside its value.
inline constexpr std::size_t node_bytes = 32;
/// Of a longer container so many elements, evenly spread, stand for all.
inline constexpr std::size_t elements_weighed_max = 64;

/// About how many bytes a value holds outside of itself. Nothing for a class that packs itself.
template <class T>
std::size_t bytes_outside(T const& value) noexcept {
  constexpr Kind kind = kind_of<T>;
  if constexpr (std::is_trivially_copyable_v<T>) {
    return 0;
  } else if constexpr (kind == Kind::text) {
    return value.size() * sizeof(value[0]);
  } else if constexpr (kind == Kind::path) {
    return value.native().size();
  } else if constexpr (kind == Kind::sequence || kind == Kind::set || kind == Kind::map) {
    using Element = typename T::value_type;
    if constexpr (std::is_same_v<Element, bool>) return value.size() / 8;
    auto const own = sizeof(Element) + (requires { value.data(); } ? 0 : node_bytes);
    std::size_t outside = 0;
    if constexpr (!std::is_trivially_copyable_v<Element>) {
      auto const step = value.size() / elements_weighed_max + 1;
      std::size_t position = 0;
      for (auto const& element : value)
        if (position++ % step == 0) outside += bytes_outside(element);
      outside *= step;
    }
    return value.size() * own + outside;
  } else if constexpr (kind == Kind::optional) {
    return value ? bytes_outside(*value) : 0;
  } else if constexpr (kind == Kind::variant) {
    return value.valueless_by_exception() ? 0 : visit([](auto const& each) { return bytes_outside(each); }, value);
  } else if constexpr (kind == Kind::tuple) {
    return std::apply([](auto const&... each) { return (std::size_t{0} + ... + bytes_outside(each)); }, value);
  } else if constexpr (kind == Kind::array) {
    std::size_t outside = 0;
    for (auto const& element : value) outside += bytes_outside(element);
    return outside;
  } else if constexpr (kind == Kind::aggregate) {
    std::size_t outside = 0;
    visit_members(value, [&](auto const&... member) { outside = (std::size_t{0} + ... + bytes_outside(member)); });
    return outside;
  } else {
    return 0;
  }
}

/// Units of room that a request of so many bytes takes: one, and one more for each `mailbox_unit_bytes`.
inline std::uint32_t units_of(std::size_t bytes) noexcept {
  auto const unit = env_facts.mailbox_unit_bytes;
  if (bytes < unit) [[likely]]
    return 1;
  auto const units = bytes / unit + 1;
  return units < mailbox_units_max ? static_cast<std::uint32_t>(units) : mailbox_units_max;
}

}  // namespace corps::detail
