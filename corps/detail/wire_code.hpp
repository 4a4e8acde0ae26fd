#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "corps/detail/packable.hpp"
#include "corps/detail/type_name.hpp"
#include "corps/pack.hpp"

// The structural code of a type: what of it can be seen in packed bytes, in few words, the same from every compiler.
//
//   u8 … u64, i8 … i64, f32, f64, bool    by width and sign; an enum as its underlying type
//   str  path                             strings; another character type is [u16] and the like
//   [T]  [T;3]                            sequences; std::array
//   <K>  <K:V>  <K*>  <K:V*>              sets and maps; those that hold a key more than once
//   ?T   A|B in ()                        optional; variant
//   {A,B}                                 aggregate, pair, tuple
//   ^2                                    the second aggregate around this place: how a type that holds itself ends
//   dur(T,num/den)                        chrono durations
//   time(dur(…))  steady(dur(…))          time points, of clocks that may be set and of those that may not
//   #name                                 a class with its own serialize, by its name: it versions itself
//   void                                  no result

namespace corps::detail {

/// Writes text where it is given room, and counts it in any case.
struct CodeSink {
  char* out = nullptr;
  std::size_t size = 0;

  constexpr void add(char c) {
    if (out != nullptr) out[size] = c;
    ++size;
  }
  constexpr void add(std::string_view text) {
    for (char const c : text) add(c);
  }
  constexpr void add_number(std::intmax_t number) {
    if (number >= 10) add_number(number / 10);
    add(static_cast<char>('0' + number % 10));
  }
};

/// The text that `write(CodeSink&)` writes, in an array of just its length.
template <auto write>
struct CodeText {
  static constexpr std::size_t size = [] {
    CodeSink sink;
    write(sink);
    return sink.size;
  }();
  static constexpr std::array<char, size> text = [] {
    std::array<char, size> text{};
    CodeSink sink{text.data(), 0};
    write(sink);
    return text;
  }();
  static constexpr std::string_view view{text.data(), size};
};

template <class T>
concept DeclaresWireCode = requires {
  std::string_view(T::corps_wire);
};

template <class T, class... Outer>
constexpr void write_code(CodeSink& sink);

template <class... Outer, class... T>
constexpr void write_codes(CodeSink& sink, [[maybe_unused]] char separator, TypeList<T...>, TypeList<Outer...>) {
  [[maybe_unused]] bool first = true;
  ((first ? void(first = false) : sink.add(separator), write_code<T, Outer...>(sink)), ...);
}
template <class... T>
TypeList<T...> elements_of(std::tuple<T...>*);
template <class A, class B>
TypeList<A, B> elements_of(std::pair<A, B>*);
template <class... T>
TypeList<T...> elements_of(std::variant<T...>*);
template <class T>
using ElementsOf = decltype(elements_of(static_cast<T*>(nullptr)));

/// How many aggregates around this place T is, 1 the nearest, or 0.
template <class T, class... Outer>
consteval std::size_t levels_up() {
  std::size_t level = 0;
  std::size_t found = 0;
  ((++level, found = found == 0 && std::is_same_v<T, Outer> ? level : found), ...);
  return found;
}

template <class T>
constexpr void write_number_code(CodeSink& sink) {
  // Plain char has no sign of its own: it is i8 on every machine.
  constexpr bool is_signed = std::is_signed_v<T> || std::is_same_v<T, char>;
  sink.add(std::is_floating_point_v<T> ? 'f' : is_signed ? 'i' : 'u');
  sink.add_number(static_cast<std::intmax_t>(sizeof(T) * 8));
}

template <class T, class... Outer>
constexpr void write_code(CodeSink& sink) {
  constexpr Kind kind = kind_of<T>;
  constexpr TypeList<Outer...> outer{};
  if constexpr (DeclaresWireCode<T>) {
    sink.add(T::corps_wire);
  } else if constexpr (kind == Kind::boolean) {
    sink.add("bool");
  } else if constexpr (kind == Kind::number) {
    write_number_code<T>(sink);
  } else if constexpr (kind == Kind::enumeration) {
    write_code<std::underlying_type_t<T>>(sink);
  } else if constexpr (kind == Kind::text) {
    sink.add("str");
  } else if constexpr (kind == Kind::path) {
    sink.add("path");
  } else if constexpr (kind == Kind::sequence) {
    sink.add('[');
    write_code<typename T::value_type, Outer...>(sink);
    sink.add(']');
  } else if constexpr (kind == Kind::array) {
    sink.add('[');
    write_code<typename T::value_type, Outer...>(sink);
    sink.add(';');
    sink.add_number(static_cast<std::intmax_t>(std::tuple_size_v<T>));
    sink.add(']');
  } else if constexpr (kind == Kind::set || kind == Kind::map) {
    sink.add('<');
    write_code<typename T::key_type, Outer...>(sink);
    if constexpr (kind == Kind::map) {
      sink.add(':');
      write_code<typename T::mapped_type, Outer...>(sink);
    }
    // One key once: insert then says whether it did.
    if constexpr (!requires(T & t, typename T::value_type v) { t.insert(v).second; }) sink.add('*');
    sink.add('>');
  } else if constexpr (kind == Kind::optional) {
    sink.add('?');
    write_code<typename T::value_type, Outer...>(sink);
  } else if constexpr (kind == Kind::variant) {
    sink.add('(');
    write_codes(sink, '|', ElementsOf<T>{}, outer);
    sink.add(')');
  } else if constexpr (kind == Kind::tuple) {
    sink.add('{');
    write_codes(sink, ',', ElementsOf<T>{}, outer);
    sink.add('}');
  } else if constexpr (kind == Kind::duration) {
    sink.add("dur(");
    write_code<typename T::rep>(sink);
    sink.add(',');
    sink.add_number(T::period::num);
    sink.add('/');
    sink.add_number(T::period::den);
    sink.add(')');
  } else if constexpr (kind == Kind::time_point) {
    sink.add(T::clock::is_steady ? "steady(" : "time(");
    write_code<typename T::duration>(sink);
    sink.add(')');
  } else if constexpr (kind == Kind::own) {
    sink.add('#');
    sink.add(class_name<T>());
  } else if constexpr (levels_up<T, Outer...>() != 0) {
    sink.add('^');
    sink.add_number(static_cast<std::intmax_t>(levels_up<T, Outer...>()));
  } else {
    static_assert(kind == Kind::aggregate);
    sink.add('{');
    write_codes(sink, ',', MembersOf<T>{}, TypeList<T, Outer...>{});
    sink.add('}');
  }
}

/// The code of T, or of no result for void. Refuses types that cannot be packed, in one line.
template <class T>
constexpr void write_checked_code(CodeSink& sink) {
  if constexpr (std::is_void_v<T>)
    sink.add("void");
  else if constexpr (require_packable<T>())
    write_code<T>(sink);
}

template <class T>
constexpr std::string_view wire_code() {
  return CodeText<&write_checked_code<std::remove_cvref_t<T>>>::view;
}

}  // namespace corps::detail
