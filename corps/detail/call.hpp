#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "corps/conc.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/class_record.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/idempotent.hpp"
#include "corps/detail/method_id.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/weight.hpp"
#include "corps/pack.hpp"
#include "corps/task.hpp"

namespace corps::detail {

template <class R>
inline constexpr bool is_later = false;
template <class R>
inline constexpr bool is_later<Later<R>> = true;

/// The method has returned, and is answered later.
template <class R>
void answer_later(Later<R> later, Reply<R>& request);

/// Packs arguments for another Env and ends them: nobody reads them any more, and their memory serves the next call. What cannot
/// be moved without a throw stays until the request ends.
template <class... A>
void pack_and_end(Packer& out, std::tuple<A...>& arguments) {
  auto const end = []<class T>(T& argument) {
    if constexpr (std::is_nothrow_move_constructible_v<T> && !std::is_trivially_destructible_v<T>)
      static_cast<void>(T{std::move(argument)});
  };
  std::apply([&](A&... each) { out.give(each...); }, arguments);
  std::apply([&](A&... each) { (end(each), ...); }, arguments);
}

/// A request with the arguments of one operation. `Op` says what is run: see below.
template <class Op>
struct Call final : Reply<typename Op::Result> {
  using Result = typename Op::Result;

  template <class... A>
  explicit Call(std::in_place_t, A&&... args) : Reply<Result>(&Op::record), arguments(std::forward<A>(args)...) {
    this->weight = units_of(sizeof(Call) + bytes_outside(arguments));
  }
  explicit Call(typename Op::Arguments&& args) : Reply<Result>(&Op::record), arguments(std::move(args)) {
    this->weight = units_of(sizeof(Call) + bytes_outside(arguments));
  }

  void invoke(Cell& cell) override {
    try {
      if constexpr (Op::awaits) {
        TaskStarter::start(Op::run(cell, arguments), *this);
      } else if constexpr (is_later<decltype(Op::run(cell, arguments))>) {
        answer_later(Op::run(cell, arguments), *this);
      } else {
        if constexpr (std::is_void_v<Result>) {
          Op::run(cell, arguments);
          this->result.emplace();
        } else {
          this->result.emplace(Op::run(cell, arguments));
        }
        this->finish();
      }
    } catch (...) {
      this->fail_with_current_exception();
    }
  }
  void collect() override {
    if constexpr (Op::awaits) collect_task(*this);
  }
  void pack_arguments(Packer& out) override { pack_and_end(out, arguments); }
  void pack_result(Packer& out) override {
    if constexpr (!std::is_void_v<Result>) out.give(*this->result);
  }
  void unpack_result(Unpacker& in) override {
    this->result.emplace();
    if constexpr (!std::is_void_v<Result>) in(*this->result);
  }
  static std::unique_ptr<Request> make(Unpacker& in) {
    typename Op::Arguments arguments{};
    std::apply([&](auto&... args) { ((void)in(args), ...); }, arguments);
    return std::make_unique<Call>(std::move(arguments));
  }

  typename Op::Arguments arguments;
};

/// Puts the record of an operation into the table before main, wherever the operation is used.
template <class Op>
struct Registered {
  static bool add() {
    register_method(Op::record);
    return true;
  }
  static inline bool const done = add();
};

/// The object of the request's target as the class that has the method, or AttributeError.
template <class C>
C& target_as(Cell& cell, MethodRecord const& method) {
  if constexpr (std::is_base_of_v<Conc, C>) {
    if (cell.cls == &class_record<C>) return *static_cast<C*>(cell.object);
  }
  if (auto* object = dynamic_cast<C*>(cell.object)) return *object;
  wrong_class(cell, method);
}

/// An argument as the method wants it: by lvalue reference it sees the request's own, else it gets it for good.
template <class P, class T>
decltype(auto) pass_argument(T& argument) {
  if constexpr (std::is_lvalue_reference_v<P>)
    return static_cast<P>(argument);
  else
    return std::move(argument);
}

/// Calls a method.
template <auto M>
struct MethodOp {
  using Traits = MethodTraits<M>;
  using Class = typename Traits::Class;
  using Result = typename Traits::Result;
  using Arguments = typename Traits::Args;
  static constexpr bool awaits = Traits::is_task;

  static decltype(auto) run(Cell& cell, Arguments& arguments) {
    auto& object = target_as<Class>(cell, record);
    return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) {
      return (object.*M)(pass_argument<std::tuple_element_t<I, typename Traits::Params>>(std::get<I>(arguments))...);
    }
    (std::make_index_sequence<std::tuple_size_v<Arguments>>{});
  }
  static MethodRecord record;
};
template <auto M>
constinit MethodRecord MethodOp<M>::record{
    .id = method_id<M>(), .make = &Call<MethodOp<M>>::make, .idempotent = may_be_retried<M>()};

/// Calls a free function in a Func that offers it.
template <auto F>
struct FunctionOp {
  using Traits = MethodTraits<F>;
  using Result = typename Traits::Result;
  using Arguments = typename Traits::Args;
  static constexpr bool awaits = Traits::is_task;

  static decltype(auto) run(Cell& cell, Arguments& arguments) {
    if (cell.cls->offers == nullptr || !cell.cls->offers(record)) wrong_class(cell, record);
    return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) {
      return F(pass_argument<std::tuple_element_t<I, typename Traits::Params>>(std::get<I>(arguments))...);
    }
    (std::make_index_sequence<std::tuple_size_v<Arguments>>{});
  }
  static MethodRecord record;
};
template <auto F>
constinit MethodRecord FunctionOp<F>::record{
    .id = method_id<F>(), .make = &Call<FunctionOp<F>>::make, .idempotent = may_be_retried<F>()};

/// The operation that `call` by a pointer means.
template <auto M>
using OpOf = std::conditional_t<is_function<M>, FunctionOp<M>, MethodOp<M>>;

/// Reads a public data member.
template <auto M>
struct GetOp {
  using Traits = MemberTraits<M>;
  using Class = typename Traits::Class;
  using Result = typename Traits::Type;
  using Arguments = std::tuple<>;
  static constexpr bool awaits = false;
  static Result run(Cell& cell, Arguments&) { return target_as<Class>(cell, record).*M; }
  static MethodRecord record;
};
template <auto M>
constinit MethodRecord GetOp<M>::record{.id = member_get_id<M>(), .make = &Call<GetOp<M>>::make, .idempotent = true};

/// Writes a public data member.
template <auto M>
struct SetOp {
  using Traits = MemberTraits<M>;
  using Class = typename Traits::Class;
  using Result = void;
  using Arguments = std::tuple<typename Traits::Type>;
  static constexpr bool awaits = false;
  static void run(Cell& cell, Arguments& arguments) { target_as<Class>(cell, record).*M = std::move(std::get<0>(arguments)); }
  static MethodRecord record;
};
template <auto M>
constinit MethodRecord SetOp<M>::record{member_set_id<M>(), &Call<SetOp<M>>::make};

}  // namespace corps::detail
