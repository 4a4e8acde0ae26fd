#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "corps/detail/call.hpp"
#include "corps/detail/cell.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/detail/weight.hpp"

namespace corps::detail {

/// A tell inside this Env in its small form: it has no deadline and no context, nobody waits for it, and its method ends when it
/// returns. So it needs a sixth of a request's memory: what makes tells dear is memory, for there may be many at a time. Where
/// more is asked of it, it becomes the request that it stands for.
struct SmallTell : Envelope {
  SmallTell() : Envelope(EnvelopeKind::tell) {}

  void undeliverable() noexcept final;
  /// Becomes the request, and is gone.
  Request& grow();

  ConcId caller_id = ConcId::none;

 protected:
  /// Around the method. What `begin` returns stands in for the request meanwhile.
  Request& begin(Cell& cell, MethodRecord const& method);
  static void end(Cell& cell, Request& stand_in) noexcept;
  /// The method threw what is being handled. The tell is gone.
  void fail(Cell& cell, Request& stand_in);

 private:
  virtual std::unique_ptr<Request> make_request() = 0;
  [[gnu::noinline]] Request& begin_with_one_more(Cell& cell, MethodRecord const& method);
};

/// The small form for one operation.
template <class Op>
struct Tell final : SmallTell {
  template <class... A>
  explicit Tell(std::in_place_t, A&&... args) : arguments(std::forward<A>(args)...) {
    weight = units_of(sizeof(Call<Op>) + bytes_outside(arguments));
  }

  void arrive(Cell& cell) override {
    if (cell.hooks != 0) [[unlikely]]
      return this->grow().arrive(cell);
    auto& stand_in = this->begin(cell, Op::record);
    try {
      static_cast<void>(Op::run(cell, arguments));
    } catch (...) {
      return this->fail(cell, stand_in);
    }
    this->end(cell, stand_in);
    delete this;
  }

  typename Op::Arguments arguments;

 private:
  std::unique_ptr<Request> make_request() override { return std::make_unique<Call<Op>>(std::move(arguments)); }
};

/// Whether a method ends when it returns.
template <class Op>
constexpr bool ends_at_return() {
  if constexpr (Op::awaits)
    return false;
  else
    return !is_later<decltype(Op::run(std::declval<Cell&>(), std::declval<typename Op::Arguments&>()))>;
}

/// Whether what `caller` sends now has a context to go with it.
inline bool sends_context(Cell const* caller) noexcept {
  if (caller == nullptr) return false;
  if (auto const* const by = caller->context.request; by != nullptr) return by->shared.get() != nullptr;
  return caller->extra_if_any() != nullptr;
}

/// Sends a tell inside this Env. Gives it back if it did not go.
inline Request* send_small(std::unique_ptr<SmallTell> tell, ConcId to, Cell* cell, Cell const* caller) {
  if (caller != nullptr) tell->caller_id = caller->id.load(std::memory_order_relaxed);
  tell->target = to;
  cell = home_of(to, cell);
  auto* const left = tell.release();
  if (cell != nullptr && cell->push_request<false>(left) == Pushed::ok) [[likely]]
    return nullptr;
  return no_room(left->grow(), default_limit_ns);
}

}  // namespace corps::detail
