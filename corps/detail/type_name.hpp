#pragma once

#include <cstddef>
#include <string_view>

namespace corps::detail {

/// The compiler's own text of T. It differs between compilers; only what `class_name` lets through may travel.
template <class T>
consteval auto type_text() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text.remove_suffix(text.size() - text.find_last_of(']'));
  return text;
}

/// Whether a compiler's text is a plain qualified name, which every compiler prints alike: no template argument, no anonymous
/// namespace, no enclosing function.
constexpr bool is_plain_name(std::string_view text) { return text.find_first_of("<>(){} ") == std::string_view::npos; }

template <class C>
concept DeclaresClassName = requires {
  std::string_view(C::corps_class);
};
template <class C>
concept DeclaresTypeName = requires {
  std::string_view(C::corps_type);
};

/// The name of a class as it travels: fully qualified, the same from every supported compiler.
/// A class may choose it itself with `corps_class` (or `corps_type`, for a type that is only packed). It must, if it is an
/// instance of a class template or lives in an anonymous namespace or in a function, because compilers print those differently.
/// It should, if it lives in an inline namespace: GCC prints that, clang leaves it out, and neither can be asked.
template <class C>
constexpr std::string_view class_name() {
  if constexpr (DeclaresClassName<C>) {
    return C::corps_class;
  } else if constexpr (DeclaresTypeName<C>) {
    return C::corps_type;
  } else {
    constexpr std::string_view text = type_text<C>();
    static_assert(
        is_plain_name(text),
        "corps: this class has no name that every compiler prints alike, because it is a template instance or is local to "
        "a file or function: give it `static constexpr auto corps_class = \"unique::name\"` (or `corps_type`)");
    return text;
  }
}

}  // namespace corps::detail
