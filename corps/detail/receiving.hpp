#pragma once

#include <cstddef>
#include <type_traits>

#include "corps/address.hpp"
#include "corps/detail/class_record.hpp"
#include "corps/detail/reply.hpp"
#include "corps/incoming.hpp"

namespace corps {
class Received;
}

namespace corps::detail {

/// Which requests a Worker receives.
struct Pattern {
  MethodMatch const* methods;  // null: any
  std::size_t count;
  ConcAddr from;
  bool from_anybody;

  bool fits(Request const& request) const noexcept;
};

/// What was received.
struct Receipt {
  MethodRecord const* method = nullptr;
  ConcAddr caller;
  bool failed = false;
};

/// Ends when the Worker has served a request that fits. In its own turn.
Reply<Received>& begin_receive(Cell* cell, Pattern pattern);

template <auto M>
struct OwnerOf : MemberShapeOf<decltype(M)> {};
template <auto M>
requires(std::is_member_function_pointer_v<decltype(M)>) struct OwnerOf<M> : MethodShapeOf<decltype(M)> {
};

}  // namespace corps::detail
