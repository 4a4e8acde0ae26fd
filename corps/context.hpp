#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corps/detail/context_ref.hpp"
#include "corps/name.hpp"

namespace corps {

/// What travels with a call and with the calls made on its behalf, beside the arguments: who asks, for what trace, and what the
/// application wants to hand on. At most `context_bytes_max`.
struct Context {
  std::string trace;
  std::string user;
  std::int32_t priority = 0;  // carried for the application; the runtime serves in the order of arrival
  std::vector<std::pair<std::string, std::string>> keys;

  /// The value of a key; null if there is none.
  std::string const* find(std::string_view key) const noexcept;
  /// Sets a key, or changes it.
  void set(std::string_view key, std::string value);
  /// What it takes of `context_bytes_max`: its texts.
  std::size_t bytes() const noexcept;
};

inline constexpr std::size_t context_bytes_max = 4096;

/// The context of the request that the calling method serves, or of the innermost WithContext; an empty one if there is none. It
/// may change at the next co_await: copy what is to be kept. Any thread.
///
/// Calls, tells, creations and spawned Tasks inherit it, to other Envs as well.
Context const& context() noexcept;

/// A context for the calls made while it lives, across awaits too; then the one before is back. A local variable of a method, a
/// Task or a plain thread's function: not in a member, not shared.
/// Throws Overloaded if the context takes more than `context_bytes_max`.
class WithContext {
 public:
  explicit WithContext(Context context);
  ~WithContext();
  WithContext(WithContext const&) = delete;
  WithContext& operator=(WithContext const&) = delete;

 private:
  detail::ContextRef* place_;
  detail::ContextRef before_;
};

/// A Name with a context for the calls made through it: `name.with(context).call<&T::m>()`. Lives no longer than an expression.
template <class T>
class NameWith {
 public:
  NameWith(Name<T> name, Context context) : name_(name), context_(std::move(context)) {}

  template <auto M, class... A>
  auto call(A&&... args) && {
    WithContext const scope{std::move(context_)};
    return name_.template call<M>(std::forward<A>(args)...);
  }
  template <auto M, class... A>
  auto tell(A&&... args) && {
    WithContext const scope{std::move(context_)};
    return name_.template tell<M>(std::forward<A>(args)...);
  }

 private:
  Name<T> name_;
  Context context_;
};

template <class T>
NameWith<T> Name<T>::with(Context context) const {
  return NameWith<T>{*this, std::move(context)};
}

}  // namespace corps
