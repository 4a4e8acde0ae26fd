#pragma once

#include "corps/detail/envelope.hpp"

namespace corps::detail {

/// A request that stays in this Env and that no Worker serves: a Task beside the requests, a wait of the runtime itself, what
/// stands in for something else. `Base` is Request, or the Reply with the result it may have.
template <class Base = Request>
struct LocalRequest : Base {
  using Base::Base;
  void invoke(Cell&) final {}
  void pack_arguments(Packer&) final {}
  void pack_result(Packer&) final {}
  void unpack_result(Unpacker&) final {}
};

}  // namespace corps::detail
