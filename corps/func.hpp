#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "corps/conc.hpp"
#include "corps/create.hpp"
#include "corps/detail/call.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/name.hpp"

namespace corps {

/// A persistent Worker that offers free functions instead of methods. What is created is a set of them: `Funcs`.
class Func : public Conc {};

namespace detail {

template <auto F>
consteval bool check_function() {
  using Traits = MethodTraits<F>;
  static_assert(std::is_void_v<typename Traits::Class>,
                "corps: Funcs offers free functions: a method is called through the Name of its Conc");
  static_assert(!Traits::takes_out_references,
                "corps: a function that a Func offers takes its parameters by value or by const reference, not by non-const "
                "reference: it may run in another process");
  static_assert(!Traits::is_task || !Traits::takes_references,
                "corps: a Task takes its parameters by value: a reference may dangle when it goes on");
  return true;
}

template <auto F, auto... G>
inline constexpr std::size_t times_in = ((method_id<F>() == method_id<G>() ? 1 : 0) + ... + 0);

template <auto... F>
constexpr void write_functions(CodeSink& sink) {
  sink.add("corps::Funcs(");
  [[maybe_unused]] bool first = true;
  (((first ? void(first = false) : sink.add(',')), sink.add(method_id<F>().method_name), sink.add(method_id<F>().signature)),
   ...);
  sink.add(')');
}

}  // namespace detail

/// A Func that offers these functions, ordinary ones and such that return a Task:
///
///   using Math = corps::Funcs<&math::square, &math::sum>;
///   auto workers = co_await corps::create<Math>(corps::anywhere(2));
///   auto nine = co_await workers[0].call<&math::square>(3);
///
/// It is created, placed, tagged, called and ended as a Conc is. It has no state, so it begins requests while Tasks of others
/// wait; functions that only compute run one at a time, in its turns. A Name of it is also one of a Func that offers fewer
/// functions. A function is known by its qualified name and the structure of its parameters and result; overloads are chosen with
/// `pick`.
template <auto... F>
class Funcs final : public Func {
 public:
  static_assert(sizeof...(F) > 0, "corps: Funcs wants at least one function: corps::Funcs<&function>");
  static_assert((detail::check_function<F>() && ...));
  static_assert(((detail::times_in<F, F...> == 1) && ...), "corps: Funcs names a function twice");

  static constexpr std::string_view corps_class = detail::CodeText<&detail::write_functions<F...>>::view;
  static constexpr bool corps_interleaved = true;
  using Api = corps::Api<F...>;

  static bool corps_offers(detail::MethodRecord const& function) noexcept {
    return ((function.id.hash == detail::method_id<F>().hash) || ...);
  }
};

namespace detail {

template <auto... F, auto G>
inline constexpr bool is_offered<Funcs<F...>, G> = times_in<G, F...> != 0;

template <auto... F, auto... G>
inline constexpr bool converts<Funcs<F...>, Funcs<G...>> =
    !std::is_same_v<Funcs<F...>, Funcs<G...>> && ((times_in<G, F...> != 0) && ...);

}  // namespace detail
}  // namespace corps
