#pragma once

#include "corps/detail/registry.hpp"
#include "corps/detail/type_name.hpp"

namespace corps::detail {

struct Cell;

template <class C>
constexpr bool declared_interleaved() {
  if constexpr (requires { C::corps_interleaved; })
    return C::corps_interleaved;
  else
    return false;
}

/// Whether a class of Workers offers free functions, and which.
template <class C>
constexpr auto offered_functions() -> bool (*)(MethodRecord const&) noexcept {
  if constexpr (requires { &C::corps_offers; })
    return &C::corps_offers;
  else
    return nullptr;
}

template <class C>
inline ClassRecord const class_record{class_name<C>(), typeid(C), declared_interleaved<C>(), offered_functions<C>()};

/// Throws NotRun, an AttributeError: the target is of another class than the Name said.
[[noreturn]] void wrong_class(Cell const& cell, MethodRecord const& method);

}  // namespace corps::detail
