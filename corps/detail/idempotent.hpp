#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "corps/conc.hpp"
#include "corps/detail/method_id.hpp"
#include "corps/idempotent.hpp"

namespace corps::detail {

template <class ArgCodes>
constexpr void write_argument_codes(CodeSink& sink) {
  write_arguments(sink, ArgCodes{});
}

/// Whether these codes of types mean a Stream somewhere, and not a class in whose name that word is.
constexpr bool has_stream(std::string_view codes) {
  constexpr std::string_view code = "stream:";
  for (std::size_t at = 0; at < codes.size(); ++at) {  // find() is not constant under UBSan
    if (!codes.substr(at).starts_with(code)) continue;
    auto const before = at == 0 ? ',' : codes[at - 1];
    if (before != ':' && !is_identifier(std::string_view(&before, 1))) return true;
  }
  return false;
}

template <auto M>
constexpr bool takes_stream() {
  return has_stream(CodeText<&write_argument_codes<typename MethodTraits<M>::ArgCodes>>::view);
}

/// Whether C has its list of idempotent methods from this base, which may have it from another one.
template <class C, class Base>
constexpr bool inherits_list() {
  if constexpr (!std::is_same_v<Base, C> && std::is_base_of_v<Base, C> && requires { Base::corps_idempotent_methods; }) {
    using List = decltype(C::corps_idempotent_methods);
    if constexpr (std::is_same_v<decltype(Base::corps_idempotent_methods), List>)
      return &Base::corps_idempotent_methods == &C::corps_idempotent_methods;
  }
  return false;
}

template <class C, auto M, auto... N>
constexpr bool declared_idempotent(Methods<N...>) {
  if constexpr ((inherits_list<C, typename MethodTraits<N>::Class>() || ...)) {
    return false;  // it declares none itself
  } else {
    static_assert((std::is_same_v<typename MethodTraits<N>::Class, C> && ...),
                  "corps: corps_idempotent_methods names a method of another class: the class that declares a method says so");
    static_assert(!(takes_stream<N>() || ...),
                  "corps: corps_idempotent_methods names a method that takes a Stream, which can be sent only once");
    return ((method_id<M>() == method_id<N>()) || ...);
  }
}

/// Whether a method, or a function, may be run twice without harm.
template <auto M>
constexpr bool may_be_retried() {
  using Class = typename MethodTraits<M>::Class;
  if constexpr (is_function<M>) {
    static_assert(!is_idempotent<M> || !takes_stream<M>(),
                  "corps: is_idempotent of a function that takes a Stream, which can be sent only once");
    return is_idempotent<M>;
  } else if constexpr (requires { Class::corps_idempotent_methods; }) {
    return declared_idempotent<Class, M>(Class::corps_idempotent_methods);
  } else {
    return false;
  }
}

}  // namespace corps::detail
