#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "corps/detail/call.hpp"
#include "corps/detail/method_id.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/pack.hpp"

// What is inside of a Callable.

namespace corps {
template <class Sig>
class Callable;
}

namespace corps::detail {

struct BoundRecord;

/// A function and its bound arguments, which do not change.
class Bound {
 public:
  virtual ~Bound() = default;
  virtual BoundRecord const& record() const noexcept = 0;
  virtual void pack(Packer& out) const = 0;
};
template <class R, class... A>
class BoundTo : public Bound {
 public:
  virtual R run(A&&... arguments) const = 0;
};

/// As what peers know a bound function, in the table of methods.
struct BoundRecord : MethodRecord {
  std::shared_ptr<Bound const> (*unpack)(Unpacker& in);
  std::type_info const& type;  // of the BoundTo
};

/// A MethodRecord's `make` of what is no method: throws AttributeError.
std::unique_ptr<Request> not_a_method(Unpacker& in);

void pack_bound(Packer& out, Bound const* bound);
/// Throws AttributeError if this program has no such function, or `type` is of others.
std::shared_ptr<Bound const> unpack_bound(Unpacker& in, std::type_info const& type, std::string_view wire);
[[noreturn]] void nothing_bound();

/// The first n of some types, and the others.
template <std::size_t n, class Args, class First = std::tuple<>>
struct SplitAt {  // none are left: bind says so
  using Taken = First;
  using Left = Args;
};
template <class... A, class First>
struct SplitAt<0, std::tuple<A...>, First> {
  using Taken = First;
  using Left = std::tuple<A...>;
};
template <std::size_t n, class Next, class... A, class... First>
requires(n > 0) struct SplitAt<n, std::tuple<Next, A...>, std::tuple<First...>>
    : SplitAt<n - 1, std::tuple<A...>, std::tuple<First..., Next>> {
};

template <class R, class... A>
constexpr void write_callable(CodeSink& sink) {
  sink.add(TaskResult<R>::is_task ? "task" : "fn");
  write_signature<TypeList<A...>, typename TaskResult<R>::Type>(sink);
}
/// A function is bound in as many ways as it has parameters, and one: each has its identity.
template <auto F, class... Lead>
constexpr void write_bound(CodeSink& sink) {
  sink.add(MethodTraits<F>::is_task ? "bound task" : "bound fn");
  sink.add_number(sizeof...(Lead));
  write_signature<typename MethodTraits<F>::ArgCodes, typename MethodTraits<F>::Result>(sink);
}

template <auto F, class Lead, class Rest>
struct Bind;
template <auto F, class... Lead, class... Rest>
struct Bind<F, std::tuple<Lead...>, std::tuple<Rest...>> {
  using Traits = MethodTraits<F>;
  using R = std::decay_t<typename Traits::RawResult>;

  struct Body final : BoundTo<R, Rest...> {
    template <class... A>
    explicit Body(std::in_place_t, A&&... args) : lead(std::forward<A>(args)...) {}
    BoundRecord const& record() const noexcept override { return bound_record; }
    void pack(Packer& out) const override {
      std::apply([&](auto const&... args) { ((void)out(args), ...); }, lead);
    }
    R run(Rest&&... rest) const override {
      return std::apply([&](Lead const&... args) -> R { return F(args..., std::move(rest)...); }, lead);
    }
    std::tuple<Lead...> lead;
  };

  template <class... A>
  static corps::Callable<R(Rest...)> make(A&&... args) {
    (void)Registered<Bind>::done;
    return corps::Callable<R(Rest...)>{std::make_shared<Body const>(std::in_place, std::forward<A>(args)...)};
  }
  static std::shared_ptr<Bound const> unpack(Unpacker& in) {
    auto body = std::make_shared<Body>(std::in_place, Lead{}...);
    std::apply([&](auto&... args) { ((void)in(args), ...); }, body->lead);
    return body;
  }
  static BoundRecord bound_record;
  static constexpr BoundRecord& record = bound_record;
};
template <auto F, class... Lead, class... Rest>
constinit BoundRecord Bind<F, std::tuple<Lead...>, std::tuple<Rest...>>::bound_record{
    {make_method_id({}, function_name<F>(), CodeText<&write_bound<F, Lead...>>::view), &not_a_method},
    &Bind::unpack,
    typeid(BoundTo<R, Rest...>)};

}  // namespace corps::detail
