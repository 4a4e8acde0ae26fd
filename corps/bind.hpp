#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "corps/detail/bound.hpp"
#include "corps/detail/call.hpp"
#include "corps/detail/method_id.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/pack.hpp"

namespace corps {

/// A function, perhaps with its first arguments bound, as a value that travels: what `bind` makes. As an argument or a result it
/// is packed as the identity of the function and the bound arguments, and runs where it arrives:
///
///   double apply(corps::Callable<double(double)> f, double x) { return f(x); }
///   auto y = co_await worker.call<&T::apply>(corps::bind<&scaled>(2.5), 4.0);   // double scaled(double factor, double x)
///
/// A program that never binds this function in this way cannot run it: unpacking fails with AttributeError, which names it. Of a
/// function that returns a Task, the result is that Task, to be awaited: `Callable<Task<int>(int)>`.
/// Threads: a value; copies share the bound arguments, which never change, so different threads may call them at a time.
template <class R, class... A>
class Callable<R(A...)> {
 public:
  static_assert((std::is_same_v<A, std::decay_t<A>> && ...) && std::is_same_v<R, std::decay_t<R>>,
                "corps: a Callable has parameters and a result by value: Callable<R(std::string)>");
  static constexpr std::string_view corps_wire = detail::CodeText<&detail::write_callable<R, A...>>::view;

  /// Nothing: calling it throws std::logic_error.
  Callable() noexcept = default;

  explicit operator bool() const noexcept { return body_ != nullptr; }
  /// "ns::function"; empty of nothing.
  std::string_view name() const noexcept { return body_ == nullptr ? std::string_view{} : body_->record().id.method_name; }

  /// Runs it here and now; throws what the function throws.
  R operator()(A... arguments) const {
    if (body_ == nullptr) detail::nothing_bound();
    return static_cast<detail::BoundTo<R, A...> const&>(*body_).run(std::move(arguments)...);
  }

  void save(Packer& out) const { detail::pack_bound(out, body_.get()); }
  void load(Unpacker& in) { body_ = detail::unpack_bound(in, typeid(detail::BoundTo<R, A...>), corps_wire); }

 private:
  template <auto F, class Lead, class Rest>
  friend struct detail::Bind;
  explicit Callable(std::shared_ptr<detail::Bound const> body) noexcept : body_(std::move(body)) {}

  std::shared_ptr<detail::Bound const> body_;  // a BoundTo<R, A...>
};

/// A free function with its first arguments bound; the type is `Callable<R(rest...)>`. The arguments are copied into it, and from
/// there into each call. Overloads are chosen with `pick`.
template <auto F, class... Lead>
auto bind(Lead&&... lead) {
  using Traits = detail::MethodTraits<F>;
  static_assert(detail::is_function<F>, "corps: bind takes a free function: bind<&function>(first arguments...)");
  static_assert(!Traits::takes_out_references,
                "corps: a function that is bound takes its parameters by value or by const reference, not by non-const "
                "reference: it may run in another process");
  static_assert(!Traits::is_task || !Traits::takes_references,
                "corps: a Task takes its parameters by value: a reference may dangle when it goes on");
  static_assert(sizeof...(Lead) <= std::tuple_size_v<typename Traits::Args>,
                "corps: bind has more arguments than the function has parameters");
  using Split = detail::SplitAt<sizeof...(Lead), typename Traits::Args>;
  static_assert(std::is_constructible_v<typename Split::Taken, Lead...>,
                "corps: the arguments of bind do not fit the first parameters of the function");
  static_assert(std::is_copy_constructible_v<typename Split::Taken>,
                "corps: bound arguments are copied into each call, so their types must be copyable");
  static_assert(detail::require_packable<typename Split::Taken>());
  return detail::Bind<F, typename Split::Taken, typename Split::Left>::make(std::forward<Lead>(lead)...);
}

}  // namespace corps
