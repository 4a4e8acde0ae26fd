#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "corps/address.hpp"
#include "corps/detail/method_id.hpp"

namespace corps {

namespace detail {

struct MethodRecord;
struct Request;

/// What a request for a method, a function or a data member (read or written) looks like.
struct MethodMatch {
  std::uint64_t hash = 0;  // 0: of a data member
  std::string_view name;
  std::string_view signature;

  bool operator()(MethodRecord const& method) const noexcept;
};
template <auto M>
consteval MethodMatch match_of() {
  if constexpr (std::is_member_object_pointer_v<decltype(M)>) {
    return {0, member_name<M>(), {}};
  } else {
    constexpr auto id = method_id<M>();
    return {id.hash, id.method_name, id.signature};
  }
}

}  // namespace detail

/// A request as its target sees it: what `on_request` and `on_reply` are given.
/// Lives as long as the request; in the turns of the Worker that serves it.
class Incoming {
 public:
  explicit Incoming(detail::Request const* request) noexcept : request_(request) {}

  /// "search"; of `get` and `set` the name of the member; "ns::function" of a free function.
  std::string_view method() const noexcept;
  /// The class as the caller knows it: the Worker's own or one it derives from. Empty of a free function.
  std::string_view class_name() const noexcept;
  /// Whether it is for this method, function or data member (read or written): `request.is<&T::open>()`. A method is known by its
  /// name, parameters and result, whichever class the caller's Name says.
  template <auto M>
  bool is() const noexcept {
    return matches(detail::match_of<M>());
  }
  /// The Worker, or the port of the plain thread, that made the call; env 0, conc none if nobody knows.
  ConcAddr caller() const noexcept;
  /// False of a `tell`.
  bool wants_answer() const noexcept;
  /// Of the Env's clock; `max()` if it has none.
  std::chrono::steady_clock::time_point deadline() const noexcept;
  /// The same in `on_request` and `on_reply` of one request; no two requests that are being served have the same.
  std::uint64_t key() const noexcept { return reinterpret_cast<std::uintptr_t>(request_); }
  /// Whether there is a request at all.
  explicit operator bool() const noexcept;

 private:
  bool matches(detail::MethodMatch const& match) const noexcept;
  detail::Request const* request_;
};

/// The request that the calling method or function serves; false where none is served: in `on_main`, in a spawned Task, on a
/// plain thread. Not to be kept when the request has ended.
Incoming this_request() noexcept;

}  // namespace corps
