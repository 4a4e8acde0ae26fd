#pragma once

#include <chrono>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "corps/address.hpp"
#include "corps/detail/call.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/tell.hpp"
#include "corps/future.hpp"
#include "corps/fwd.hpp"
#include "corps/told.hpp"

namespace corps {

struct Context;
template <class T>
class NameWith;

/// As the limit of a call: it may take as long as it likes (a call made by a request still ends with that request).
inline constexpr std::chrono::nanoseconds no_deadline = std::chrono::nanoseconds::max();

namespace detail {

template <class Sig>
struct Pick;
template <class R, class... A>
struct Pick<R(A...)> {
  constexpr auto operator()(R (*function)(A...)) const { return function; }
  template <class C>
  constexpr auto operator()(R (C::*method)(A...)) const {
    return method;
  }
};
template <class R, class... A>
struct Pick<R(A...) const> {
  template <class C>
  constexpr auto operator()(R (C::*method)(A...) const) const {
    return method;
  }
};

/// Whether a Worker of class Derived is one of class T as well; Funcs add to it.
template <class Derived, class T>
inline constexpr bool converts = std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>;

template <class T>
constexpr void write_name(CodeSink& sink) {
  sink.add("name:");
  sink.add(class_name<T>());
}

/// Where a call goes and how long it may take: what the ways to call have in common.
struct Way {
  ConcAddr to;
  Cell* cell;
  std::int64_t limit_ns;
};

/// Whether T is a Func that offers the function; see corps/func.hpp.
template <class T, auto F>
inline constexpr bool is_offered = false;

template <class T, auto M>
constexpr void check_method() {
  using Traits = MethodTraits<M>;
  if constexpr (is_function<M>)
    static_assert(is_offered<T, M>,
                  "corps: the Worker of this Name does not offer this function: it is offered by a Func whose "
                  "corps::Funcs<...> names it");
  else
    static_assert(std::is_base_of_v<typename Traits::Class, T>, "corps: the class of this Name does not have this method");
  static_assert(!Traits::takes_out_references,
                "corps: a method that is called through a Name takes its parameters by value or by const reference, not by "
                "non-const reference: it may run in another process");
  static_assert(require_packable<typename Traits::Args>());
  if constexpr (!std::is_void_v<typename Traits::Result>) static_assert(require_packable<typename Traits::Result>());
}

template <class Op, class... A>
constexpr void check_arguments() {
  static_assert(std::is_constructible_v<typename Op::Arguments, A...>,
                "corps: the arguments do not fit the parameters of this method");
}

template <class Op, class... A>
auto make_call(A&&... args) {
  (void)Registered<Op>::done;
  check_arguments<Op, A...>();
  return std::make_unique<Call<Op>>(std::in_place, std::forward<A>(args)...);
}

template <class Op, class... A>
Future<typename Op::Result> call(Way const& way, A&&... args) {
  auto& request = *make_call<Op>(std::forward<A>(args)...).release();
  send(request, way.to, way.cell, way.limit_ns);
  return FutureMaker<typename Op::Result>::make(request);
}

/// Gives the tell back if it did not go.
template <class Op, class... A>
Request* tell(Way const& way, A&&... args) {
  if constexpr (ends_at_return<Op>()) {
    auto const* const caller = current_cell;
    if (way.limit_ns == default_limit_ns && way.to.env == env_facts.env && !sends_context(caller)) [[likely]] {
      (void)Registered<Op>::done;
      check_arguments<Op, A...>();
      auto small = std::make_unique<Tell<Op>>(std::in_place, std::forward<A>(args)...);
      return send_small(std::move(small), way.to.conc, way.cell, caller);
    }
  }
  return send_one_way(make_call<Op>(std::forward<A>(args)...), way.to, way.cell, way.limit_ns);
}

/// The ways to call, for Name and for Name::within.
template <class T, class Self>
class Callable {
 public:
  /// Asks the Worker to run a method. Arguments are moved to a Worker of this Env, and packed for another one. Never
  /// blocks and never throws an error of the call: what goes wrong is in the Future.
  template <auto M, class... A>
  Future<typename MethodTraits<M>::Result> call(A&&... args) const {
    check_method<T, M>();
    return detail::call<OpOf<M>>(way(), std::forward<A>(args)...);
  }
  /// As call, but nobody wants the answer: what goes wrong is logged where it happens. No deadline, unless `within` gives one.
  /// Where the mailbox of the target is full, a Worker may await the tell to wait for room; if it does not, the tell is
  /// refused. A plain thread blocks until there is room, up to the limit of `within` or `limits.request_timeout`.
  template <auto M, class... A>
  Told tell(A&&... args) const {
    check_method<T, M>();
    auto const to = way();
    return Told{detail::tell<OpOf<M>>(to, std::forward<A>(args)...), to.limit_ns};
  }
  /// Reads a public data member, in a turn of the Worker.
  template <auto M>
  Future<typename MemberTraits<M>::Type> get() const {
    static_assert(std::is_base_of_v<typename MemberTraits<M>::Class, T>,
                  "corps: the class of this Name does not have this member");
    static_assert(detail::require_packable<typename MemberTraits<M>::Type>());
    return detail::call<GetOp<M>>(way());
  }
  /// Writes a public data member, in a turn of the Worker.
  template <auto M, class V>
  Future<void> set(V&& value) const {
    static_assert(std::is_base_of_v<typename MemberTraits<M>::Class, T>,
                  "corps: the class of this Name does not have this member");
    static_assert(detail::require_packable<typename MemberTraits<M>::Type>());
    return detail::call<SetOp<M>>(way(), std::forward<V>(value));
  }

 private:
  Way way() const noexcept { return static_cast<Self const&>(*this).way(); }
};

}  // namespace detail

/// Chooses one of several methods or functions of one name: `call<corps::pick<int(std::string)>(&T::m)>(...)`.
template <class Sig>
inline constexpr detail::Pick<Sig> pick{};

/// A Name with a time limit for the calls made through it; lives no longer than an expression.
template <class T>
class NameWithin : public detail::Callable<T, NameWithin<T>> {
 public:
  explicit NameWithin(detail::Way way) noexcept : way_(way) {}

 private:
  friend class detail::Callable<T, NameWithin<T>>;
  detail::Way way() const noexcept { return way_; }
  detail::Way way_;
};

/// Typed handle of a Worker whose class is, or derives from, T. An address, not a permission; it may be copied, kept,
/// and passed as an argument anywhere in the Corps. The Worker may end while Names of it exist: calls then end with
/// WorkerLost, and the Name never comes to mean another Worker. It may be one of another Corps (`is_external(name.address())`);
/// calls end with Refused as long as there is no link to that.
/// Threads: a value, as an int is.
template <class T>
class Name : public detail::Callable<T, Name<T>> {
 public:
  static constexpr std::string_view corps_wire = detail::CodeText<&detail::write_name<T>>::view;

  /// Names nobody: calls end with WorkerLost.
  Name() noexcept = default;
  explicit Name(ConcAddr address, detail::Cell* cell = nullptr) noexcept : address_(address), cell_(cell) {}
  template <class Derived>
  requires(detail::converts<Derived, T>) Name(Name<Derived> const& other)
  noexcept : address_(other.address()), cell_(other.cell_) {}  // NOLINT: as pointers convert

  ConcAddr address() const noexcept { return address_; }
  explicit operator bool() const noexcept { return address_.conc != ConcId::none; }
  friend bool operator==(Name const& a, Name const& b) noexcept { return a.address_ == b.address_; }

  /// The same Worker, with a time limit for calls in place of `limits.request_timeout`:
  /// `name.within(10min).call<...>(...)`. A call made while a request runs ends with that request at the latest.
  NameWithin<T> within(std::chrono::nanoseconds limit) const noexcept {
    return NameWithin<T>{detail::Way{address_, cell_, limit.count() < 0 ? 0 : limit.count()}};
  }

  /// The same Worker, with a context for calls: `name.with(context).call<...>(...)`; see corps/context.hpp.
  NameWith<T> with(Context context) const;

  /// What it takes in a message: its address.
  static constexpr std::size_t packed_bytes = ConcAddr::packed_bytes;
  template <class Archive>
  void save(Archive& out) const {
    address_.save(out);
  }
  template <class Archive>
  void load(Archive& in) {
    address_.load(in);
    cell_ = nullptr;
  }

 private:
  template <class U>
  friend class Name;
  friend class detail::Callable<T, Name<T>>;
  detail::Way way() const noexcept { return {address_, cell_, detail::default_limit_ns}; }

  ConcAddr address_;
  detail::Cell* cell_ = nullptr;  // a hint for the way inside this Env
};

/// The Name of an object, for handing it to others: `corps::name_of(*this)`. Only in the object's own turns.
template <class T>
Name<T> name_of(T const& object) noexcept {
  static_assert(std::is_base_of_v<Conc, T>, "corps: only a Conc has a Name");
  return Name<T>{object.my_addr(), detail::ConcAccess::cell(object)};
}

}  // namespace corps

template <class T>
struct std::hash<corps::Name<T>> {
  std::size_t operator()(corps::Name<T> const& name) const noexcept {
    return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(name.address().conc) ^
                                      (std::uint64_t{name.address().env} << 20U));
  }
};
