#pragma once

#include <cstdint>
#include <type_traits>

#include "corps/conc.hpp"
#include "corps/detail/mailbox_head.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/type_name.hpp"
#include "corps/incoming.hpp"

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
constexpr Overflow declared_overflow() {
  if constexpr (requires { C::corps_overflow; }) {
    static_assert(std::is_same_v<std::remove_cvref_t<decltype(C::corps_overflow)>, Overflow>,
                  "corps: corps_overflow is one of corps::Overflow");
    return C::corps_overflow;
  } else {
    return Overflow::wait;
  }
}

/// Units of room in the mailbox of an object of class C; 0: by limits.mailbox.
template <class C>
constexpr std::uint32_t declared_mailbox() {
  if constexpr (requires { C::corps_mailbox; }) {
    static_assert(C::corps_mailbox >= 1 && C::corps_mailbox <= mailbox_units_max,
                  "corps: corps_mailbox, the requests that may wait at an object, is a number from 1 to 250,000");
    return C::corps_mailbox;
  } else {
    return 0;
  }
}

template <class C>
constexpr bool declared_receives() {
  if constexpr (requires { C::corps_receives; })
    return C::corps_receives;
  else
    return false;
}

template <class C, auto... M>
constexpr auto among_methods(Methods<M...>) -> bool (*)(MethodRecord const&) noexcept {
  static_assert((std::is_base_of_v<typename MethodTraits<M>::Class, C> && ...),
                "corps: corps_interleaved_methods names a method that the class does not have");
  return [](MethodRecord const& method) noexcept { return (match_of<M>()(method) || ...); };
}
template <class C>
constexpr auto interleaved_methods() -> bool (*)(MethodRecord const&) noexcept {
  if constexpr (requires { C::corps_interleaved_methods; }) {
    static_assert(!declared_interleaved<C>(), "corps: a class that is interleaved as a whole has no corps_interleaved_methods");
    return among_methods<C>(C::corps_interleaved_methods);
  } else {
    return nullptr;
  }
}

/// The hooks that a class overrides, itself or in a base of its own: what it merely inherits from Conc has the type that says so.
template <class C>
constexpr std::uint8_t overridden_hooks() {
  constexpr bool request = requires { requires std::is_same_v<decltype(&C::on_request), void (Conc::*)(Incoming const&)>; };
  constexpr bool reply = requires {
    requires std::is_same_v<decltype(&C::on_reply), void (Conc::*)(Incoming const&, ErrorInfo const*) noexcept>;
  };
  constexpr bool receives = declared_receives<C>();
  if constexpr (receives) {
    static_assert(!declared_interleaved<C>(), "corps: a class receives by itself, or is interleaved, but not both");
    static_assert(
        !requires {
          requires std::is_same_v < decltype(&C::on_main), Task<>(Conc::*)
          () > ;
        },
        "corps: a class that declares corps_receives overrides on_main, which receives its requests");
  }
  constexpr bool interleaves_some = requires { C::corps_interleaved_methods; };
  constexpr bool selects = receives || interleaves_some;
  static_assert(
      !selects || declared_overflow<C>() != Overflow::drop_oldest,
      "corps: a class that receives by itself, or interleaves some methods, cannot drop the oldest request when it is full");
  return static_cast<std::uint8_t>((request ? 0U : hook_request) | (reply ? 0U : hook_reply) | (selects ? hook_selects : 0U) |
                                   (receives ? hook_receives : 0U));
}

template <class C>
inline ClassRecord const class_record{.name = class_name<C>(),
                                      .type = typeid(C),
                                      .interleaved = declared_interleaved<C>(),
                                      .offers = offered_functions<C>(),
                                      .overflow = declared_overflow<C>(),
                                      .mailbox = declared_mailbox<C>(),
                                      .hooks = overridden_hooks<C>(),
                                      .interleaves = interleaved_methods<C>()};

/// Throws NotRun, an AttributeError: the target is of another class than the Name said.
[[noreturn]] void wrong_class(Cell const& cell, MethodRecord const& method);

}  // namespace corps::detail
