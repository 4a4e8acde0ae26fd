#pragma once

#include <array>
#include <cereal/cereal.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "corps/detail/aggregate.hpp"
#include "corps/detail/type_name.hpp"
#include "corps/fwd.hpp"

// Which types can be packed, how, and what to tell the user about those that cannot.

namespace corps::detail {

/// How a type is packed.
enum class Kind : std::uint8_t {
  none,         // not at all
  pointer,      // not at all: it would point into another process
  c_array,      // not at all: it cannot be an argument or be returned
  boolean,      // one byte, 0 or 1
  number,       // its bytes, little-endian
  enumeration,  // as its underlying type
  text,         // count, characters
  path,         // as text
  sequence,     // count, elements
  array,        // elements
  set,          // count, keys
  map,          // count, pairs of key and value
  optional,     // one byte 0 or 1, the value if 1
  variant,      // index in one byte, the alternative
  tuple,        // elements; an empty one is one byte 0
  duration,     // its count
  time_point,   // its duration since the clock's epoch
  name,         // address of a Worker
  own,          // what its own serialize, or save and load, writes
  aggregate,    // members; an empty one is one byte 0
};

/// The templates that are known by name.
template <class T>
inline constexpr Kind named_kind = Kind::none;
template <class Traits, class Allocator>
inline constexpr Kind named_kind<std::basic_string<char, Traits, Allocator>> = Kind::text;
template <class T, std::size_t n>
inline constexpr Kind named_kind<std::array<T, n>> = Kind::array;
template <class T>
inline constexpr Kind named_kind<std::optional<T>> = Kind::optional;
template <class... T>
inline constexpr Kind named_kind<std::variant<T...>> = Kind::variant;
template <>
inline constexpr Kind named_kind<std::monostate> = Kind::aggregate;
template <class A, class B>
inline constexpr Kind named_kind<std::pair<A, B>> = Kind::tuple;
template <class... T>
inline constexpr Kind named_kind<std::tuple<T...>> = Kind::tuple;
template <class T>
inline constexpr Kind named_kind<Name<T>> = Kind::name;
template <>
inline constexpr Kind named_kind<ConcAddr> = Kind::name;

/// The others are known by shape, so that this header need not include a dozen standard headers that the user may not need.
template <class T>
consteval Kind standard_kind_by_shape() {
  if constexpr (
      requires {
        typename T::mapped_type;
        &T::key_comp;
      } ||
      requires {
        typename T::mapped_type;
        &T::hash_function;
      })
    return Kind::map;
  else if constexpr (
      requires {
        typename T::key_type;
        &T::key_comp;
      } ||
      requires {
        typename T::key_type;
        &T::hash_function;
      })
    return Kind::set;
  else if constexpr (requires {
                       typename T::string_type;
                       typename T::format;
                       T::preferred_separator;
                     })
    return Kind::path;
  else if constexpr (
      requires(T & t) {
        typename T::value_type;
        t.emplace_back();
        t.size();
        t.clear();
      } ||
      requires(T & t, typename T::value_type v) {
        t.push_back(v);
        t.size();
        t.clear();
      })
    return Kind::sequence;
  else if constexpr (requires {
                       typename T::clock;
                       typename T::duration;
                     })
    return Kind::time_point;
  else if constexpr (requires {
                       typename T::rep;
                       typename T::period;
                     })
    return Kind::duration;
  else if constexpr (
      requires { typename T::element_type; } || requires { typename T::const_pointer; })
    return Kind::pointer;  // smart pointers and views
  else
    return Kind::none;
}

template <class T>
inline constexpr bool has_own_pack = cereal::traits::is_output_serializable<T, Packer>::value;
template <class T>
inline constexpr bool has_own_unpack = cereal::traits::is_input_serializable<T, Unpacker>::value;

/// How T, without const, is packed. Standard types come first, so that Cereal's own headers for them may be included or not.
template <class T>
consteval Kind find_kind() {
  if constexpr (std::is_same_v<T, bool>)
    return Kind::boolean;
  else if constexpr (std::is_enum_v<T>)
    return Kind::enumeration;
  else if constexpr (std::is_integral_v<T> || std::is_same_v<T, float> || std::is_same_v<T, double>)
    return sizeof(T) <= 8 ? Kind::number : Kind::none;
  else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> || std::is_reference_v<T> ||
                     std::is_function_v<T>)
    return Kind::pointer;
  else if constexpr (std::is_array_v<T>)
    return Kind::c_array;
  else if constexpr (named_kind<T> != Kind::none)
    return named_kind<T>;
  else if constexpr (!std::is_class_v<T>)
    return Kind::none;
  else if constexpr (type_text<T>().starts_with("std::"))
    return standard_kind_by_shape<T>();
  else if constexpr (has_own_pack<T> || has_own_unpack<T>)
    return Kind::own;
  else
    return std::is_aggregate_v<T> ? Kind::aggregate : Kind::none;
}
template <class T>
inline constexpr Kind kind_of = find_kind<T>();

/// Enums and numbers, whose bytes are the same in memory and on the wire.
template <class T>
consteval bool is_plain_bytes() {
  if constexpr (kind_of<T> == Kind::enumeration)
    return !std::is_same_v<std::underlying_type_t<T>, bool>;
  else
    return kind_of<T> == Kind::number;
}

/// Why a type cannot be packed.
enum class Unfit : std::uint8_t {
  kind,
  pointer,
  c_array,
  open_enum,
  half_serialize,
  no_default,
  base,
  members,
  array_member,
  bit_field,
  const_member
};

struct Fit {};
template <class T, Unfit why>
struct Misfit {};

/// The first misfit, or Fit.
template <class... F>
struct FirstMisfit {
  using Type = Fit;
};
template <class F, class... Rest>
struct FirstMisfit<F, Rest...> {
  using Type = F;
};
template <class... Rest>
struct FirstMisfit<Fit, Rest...> : FirstMisfit<Rest...> {};

template <class T, class... Outer>
consteval auto find_misfit();

template <class... Outer, class... T>
consteval auto find_misfit_among(TypeList<T...>, TypeList<Outer...>) {
  return typename FirstMisfit<decltype(find_misfit<T, Outer...>())...>::Type{};
}
template <class... Outer, class... T>
consteval auto find_misfit_among_elements(std::tuple<T...>*, TypeList<Outer...> outer) {
  return find_misfit_among(TypeList<T...>{}, outer);
}
template <class... Outer, class A, class B>
consteval auto find_misfit_among_elements(std::pair<A, B>*, TypeList<Outer...> outer) {
  return find_misfit_among(TypeList<A, B>{}, outer);
}
template <class... Outer, class... T>
consteval auto find_misfit_among_elements(std::variant<T...>*, TypeList<Outer...> outer) {
  return find_misfit_among(TypeList<T...>{}, outer);
}

template <class T, class... Outer>
consteval auto find_aggregate_misfit() {
  if constexpr (!requires { T{}; } || !std::is_destructible_v<T>) {
    return Misfit<T, Unfit::no_default>{};
  } else if constexpr (HasBase<T>) {
    return Misfit<T, Unfit::base>{};
  } else if constexpr (member_count<T> > aggregate_members_max) {
    return Misfit<T, Unfit::members>{};
  } else if constexpr (has_array_member<T>(std::make_index_sequence<member_count<T>>{})) {
    return Misfit<T, Unfit::array_member>{};
  } else if constexpr (std::is_same_v<MembersOf<T>, HasBitField>) {
    return Misfit<T, Unfit::bit_field>{};
  } else if constexpr (any_const(MembersOf<T>{})) {
    return Misfit<T, Unfit::const_member>{};
  } else {
    return find_misfit_among(MembersOf<T>{}, TypeList<T, Outer...>{});
  }
}

/// Fit, or the Misfit found first inside T. `Outer` are the aggregates that T is being looked at for; one that comes up again is
/// part of itself, through a container, and is not looked at twice.
template <class T, class... Outer>
consteval auto find_misfit() {
  constexpr Kind kind = kind_of<T>;
  if constexpr ((std::is_same_v<T, Outer> || ...)) {
    return Fit{};
  } else if constexpr (kind == Kind::none) {
    return Misfit<T, Unfit::kind>{};
  } else if constexpr (kind == Kind::pointer) {
    return Misfit<T, Unfit::pointer>{};
  } else if constexpr (kind == Kind::c_array) {
    return Misfit<T, Unfit::c_array>{};
  } else if constexpr (kind == Kind::enumeration) {
    // Of an enum without one, not every number is a value; to read such a number is undefined behaviour.
    if constexpr (requires { T{std::underlying_type_t<T>{}}; })
      return Fit{};
    else
      return Misfit<T, Unfit::open_enum>{};
  } else if constexpr (kind == Kind::own) {
    if constexpr (!has_own_pack<T> || !has_own_unpack<T>)
      return Misfit<T, Unfit::half_serialize>{};
    else if constexpr (!std::is_default_constructible_v<T>)
      return Misfit<T, Unfit::no_default>{};
    else
      return Fit{};
  } else if constexpr (kind == Kind::sequence || kind == Kind::array || kind == Kind::optional) {
    return find_misfit<typename T::value_type, Outer...>();
  } else if constexpr (kind == Kind::set) {
    return find_misfit<typename T::key_type, Outer...>();
  } else if constexpr (kind == Kind::map) {
    return find_misfit_among(TypeList<typename T::key_type, typename T::mapped_type>{}, TypeList<Outer...>{});
  } else if constexpr (kind == Kind::tuple || kind == Kind::variant) {
    return find_misfit_among_elements(static_cast<T*>(nullptr), TypeList<Outer...>{});
  } else if constexpr (kind == Kind::duration || kind == Kind::time_point) {
    return find_misfit<typename T::rep, Outer...>();
  } else if constexpr (kind == Kind::aggregate) {
    return find_aggregate_misfit<T, Outer...>();
  } else {
    return Fit{};
  }
}
template <class T>
using MisfitOf = decltype(find_misfit<std::remove_cv_t<T>>());

constexpr bool tell(Fit) { return true; }
/// Instantiated to tell the user; T is the type at fault, which may be deep inside of what was to be packed.
template <class T, Unfit why>
constexpr bool tell(Misfit<T, why>) {
  static_assert(
      why != Unfit::kind,
      "corps: this type cannot be packed: it is neither a standard container, nor a plain aggregate, and has no serialize "
      "function (pointers and references never travel)");
  static_assert(
      why != Unfit::pointer,
      "corps: this type cannot be packed: pointers, references and views never travel; pass the value itself, or a Name");
  static_assert(why != Unfit::c_array, "corps: this type cannot be packed: it is a C array; use std::array or std::vector");
  static_assert(
      why != Unfit::open_enum,
      "corps: this enum cannot be packed: it has no fixed underlying type; make it `enum class`, or write `enum E : int`");
  static_assert(why != Unfit::half_serialize,
                "corps: this type cannot be packed: it can be written or read but not both; give it serialize, or save and load");
  static_assert(
      why != Unfit::no_default,
      "corps: this type cannot be packed: unpacking first makes one by its default constructor, and it has none (or, an "
      "aggregate, has a reference or a member without one)");
  static_assert(
      why != Unfit::base,
      "corps: this aggregate cannot be packed: it has a base class; make the base a member, or give it a serialize function");
  static_assert(why != Unfit::members,
                "corps: this aggregate cannot be packed: it has more than 64 members (a C array counts each element); nest some, "
                "or give it a serialize function");
  static_assert(
      why != Unfit::array_member,
      "corps: this aggregate cannot be packed: a member is a C array, a reference, or not made by {}; use std::array and "
      "values, or give it a serialize function");
  static_assert(
      why != Unfit::bit_field,
      "corps: this aggregate cannot be packed: it has a bit-field; use a whole integer, or give it a serialize function");
  static_assert(why != Unfit::const_member,
                "corps: this aggregate cannot be packed: it has a const member, which unpacking could not set");
  return false;
}

/// True, or one readable line of error from the compiler.
template <class T>
consteval bool require_packable() {
  return tell(MisfitOf<T>{});
}

/// The fewest bytes a value of T can be packed in: at least 1 for every type, so that a claimed count of them is checked against
/// the bytes that are there.
template <class T>
consteval std::size_t find_packed_bytes_min();
template <class T>
inline constexpr std::size_t packed_bytes_min = find_packed_bytes_min<std::remove_cv_t<T>>();

template <class... T>
consteval std::size_t packed_bytes_min_of(TypeList<T...>) {
  std::size_t const sum = (packed_bytes_min<T> + ... + 0);
  return sum == 0 ? 1 : sum;
}
template <class... T>
consteval std::size_t packed_bytes_min_of(std::tuple<T...>*) {
  return packed_bytes_min_of(TypeList<T...>{});
}
template <class A, class B>
consteval std::size_t packed_bytes_min_of(std::pair<A, B>*) {
  return packed_bytes_min<A> + packed_bytes_min<B>;
}
template <class T, std::size_t n>
consteval std::size_t packed_bytes_min_of(std::array<T, n>*) {
  return n == 0 ? 1 : n * packed_bytes_min<T>;
}

template <class T>
consteval std::size_t find_packed_bytes_min() {
  constexpr Kind kind = kind_of<T>;
  if constexpr (kind == Kind::number || kind == Kind::enumeration)
    return sizeof(T);
  else if constexpr (kind == Kind::text || kind == Kind::path || kind == Kind::sequence || kind == Kind::set || kind == Kind::map)
    return sizeof(std::uint64_t);
  else if constexpr (kind == Kind::array || kind == Kind::tuple)
    return packed_bytes_min_of(static_cast<T*>(nullptr));
  else if constexpr (kind == Kind::duration || kind == Kind::time_point)
    return packed_bytes_min<typename T::rep>;
  else if constexpr (kind == Kind::name)
    return T::packed_bytes;
  else if constexpr (kind == Kind::aggregate)
    return packed_bytes_min_of(MembersOf<T>{});
  else
    return 1;
}

}  // namespace corps::detail
