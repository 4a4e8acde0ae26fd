#pragma once

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include "corps/detail/aggregate_bind.hpp"

// Plain aggregates pack member by member: the members are counted by trying with how many initialisers one can be made, and bound
// by a structured binding of that many names. (Boost.PFR does the same, but 1.81 crashes GCC 12 on a struct with an array of
// strings, and what cannot travel has to be told apart with a readable error before anything is bound.)

namespace corps::detail {

template <class... T>
struct TypeList {
  static constexpr std::size_t size = sizeof...(T);
};

/// Stands for any member in a test of how T can be initialised. Its conversions never run; they have a body because compilers
/// want one where a member's own constructor is instantiated for the test.
struct AnyMember {
  template <class T>
  operator T&() const&& noexcept {
    std::terminate();
  }
  template <class T>
  operator T&() const& noexcept {
    std::terminate();
  }
};
struct AnyMovedMember {
  template <class T>
  operator T() const&& noexcept {
    std::terminate();
  }
};
template <class T>
using MemberOf = std::conditional_t<std::is_copy_constructible_v<T>, AnyMember, AnyMovedMember>;
template <class T, std::size_t>
using NthMember = MemberOf<T>;

/// Converts to proper bases of T alone. A base comes first in an aggregate, so T{BaseOf<T>{}} tells whether there is one.
template <class T>
struct BaseOf {
  template <class B, class = std::enable_if_t<std::is_base_of_v<B, T> && !std::is_same_v<B, T>>>
  operator B&() const noexcept {
    std::terminate();
  }
};
template <class T>
concept HasBase = requires {
  T{BaseOf<T>{}};
};

/// Whether `{}` can stand for the member that the `before`-th initialiser starts while all others get one each. It cannot where
/// that member is a C array, since an array takes as many initialisers as it has elements, but only one `{}`.
template <class T, std::size_t... before, std::size_t... after>
consteval bool takes_braces(std::index_sequence<before...>, std::index_sequence<after...>) {
  return requires { T{NthMember<T, before>{}..., {}, NthMember<T, after>{}...}; };
}
template <class T, std::size_t... at>
consteval bool has_array_member(std::index_sequence<at...>) {
  return !(takes_braces<T>(std::make_index_sequence<at>{}, std::make_index_sequence<sizeof...(at) - 1 - at>{}) && ...);
}

template <class T, std::size_t... at>
consteval bool takes_initialisers(std::index_sequence<at...>) {
  return requires { T{NthMember<T, at>{}...}; };
}
template <class T, std::size_t found = 0>
consteval std::size_t count_members() {
  if constexpr (found > aggregate_members_max)
    return found;
  else if constexpr (takes_initialisers<T>(std::make_index_sequence<found + 1>{}))
    return count_members<T, found + 1>();
  else
    return found;
}
/// How many members T has; a C array counts as many as it has elements. Anything over `aggregate_members_max` is "too many".
template <class T>
inline constexpr std::size_t member_count = count_members<T>();

/// Calls `visit(member...)`; T is an aggregate that has been found packable.
template <class T, class Visit>
constexpr void visit_members(T& value, Visit&& visit) {
  bind_members<member_count<std::remove_const_t<T>>>(value, std::forward<Visit>(visit));
}

template <class... T>
consteval bool any_const(TypeList<T...>) {
  return (std::is_const_v<T> || ...);
}

/// TypeList of the members' types, or HasBitField.
template <class T>
using MembersOf = decltype(bind_members<member_count<T>>(
    std::declval<T&>(), [](auto&... member) { return TypeList<std::remove_reference_t<decltype(member)>...>{}; }));

}  // namespace corps::detail
