#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "corps/address.hpp"
#include "corps/conc.hpp"
#include "corps/detail/receiving.hpp"
#include "corps/future.hpp"
#include "corps/name.hpp"

/// Conc classes whose main loop says what is served when: state machines, and protocols over several requests.
///
///   class Door : public corps::Conc {
///    public:
///     static constexpr bool corps_receives = true;
///     void open();
///     void close();
///
///    private:
///     corps::Task<> on_main() override {
///       for (;;) {
///         co_await corps::receive(*this).only<&Door::open>();
///         co_await corps::receive(*this).only<&Door::close>();
///       }
///     }
///   };
namespace corps {

/// The request that a `receive` has served.
class Received {
 public:
  Received() noexcept = default;
  explicit Received(detail::Receipt const& receipt) noexcept : receipt_(receipt) {}

  /// Whether it was for this method or data member (read or written).
  template <auto M>
  bool is() const noexcept {
    return receipt_.method != nullptr && detail::match_of<M>()(*receipt_.method);
  }
  /// Who made the call, as Incoming::caller says.
  ConcAddr caller() const noexcept { return receipt_.caller; }
  /// Whether it ended with an error, which its caller got.
  bool failed() const noexcept { return receipt_.failed; }

 private:
  detail::Receipt receipt_;
};

/// What a Conc is ready to serve: see `receive`.
template <class T>
class Receive {
 public:
  explicit Receive(T const& object) noexcept : cell_(detail::ConcAccess::cell(object)) {}

  /// Only requests of this Worker or plain thread.
  Receive from(ConcAddr caller) && noexcept {
    from_ = caller;
    from_anybody_ = false;
    return *this;
  }
  template <class U>
  Receive from(Name<U> const& caller) && noexcept {
    return std::move(*this).from(caller.address());
  }

  /// Only requests for these methods or data members (read or written), whichever comes first.
  template <auto... M>
  Future<Received> only() && {
    static_assert(sizeof...(M) > 0, "corps: receive(...).only<...>() wants methods; .any() receives whatever comes");
    static_assert((std::is_base_of_v<typename detail::OwnerOf<M>::Class, T> && ...),
                  "corps: the class of this object does not have this method");
    static constexpr detail::MethodMatch wanted[] = {detail::match_of<M>()...};
    return FutureOf::make(detail::begin_receive(cell_, {wanted, sizeof...(M), from_, from_anybody_}));
  }
  /// Requests for any method.
  Future<Received> any() && { return FutureOf::make(detail::begin_receive(cell_, {nullptr, 0, from_, from_anybody_})); }

 private:
  using FutureOf = detail::FutureMaker<Received>;
  detail::Cell* cell_;
  ConcAddr from_;
  bool from_anybody_ = true;
};

/// Serves one request, the first of those that wait or come which fits: `co_await corps::receive(*this).only<&T::open>()`. It
/// ends when the request has ended, with what that was; `.from(caller)` before `only` or `any` asks for those of one caller.
///
/// For `on_main` of a class that declares `static constexpr bool corps_receives = true`: its objects serve nothing but what is
/// received, and methods that it declares in `corps_interleaved_methods`. Requests that do not fit wait in their order, within
/// `limits.mailbox` and until their deadlines; each `receive` looks through them from the first. When on_main ends, so does the
/// object.
/// Throws std::logic_error if the object receives already, or in a method. Dropping the Future ends the receive; a request that
/// has begun goes on.
template <class T>
Receive<T> receive(T& object) noexcept {
  static_assert(detail::declared_receives<T>(),
                "corps: receive is for a class that declares `static constexpr bool corps_receives = true`");
  return Receive<T>{object};
}

}  // namespace corps
