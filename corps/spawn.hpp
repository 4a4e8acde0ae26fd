#pragma once

#include <memory>
#include <utility>

#include "corps/detail/local_request.hpp"
#include "corps/detail/reply.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/future.hpp"
#include "corps/task.hpp"

namespace corps {

namespace detail {

/// A request that is never sent: a Task that runs beside its Worker's requests.
template <class R>
struct Side final : LocalRequest<Reply<R>> {
  Side() : LocalRequest<Reply<R>>(nullptr) {}
  void collect() override { collect_task(*this); }
};

}  // namespace detail

/// Runs a Task beside the current request, in the same Worker: both go on at each other's awaits. Dropping the Future
/// does not stop it. It ends with its Worker. The calls it makes end at the deadline of the current request, as that
/// request's own do: what goes on for ever belongs into `on_main`.
/// On a plain thread a Task goes on only while the thread waits for some Future.
template <class R>
Future<R> spawn(Task<R> task) {
  if (!task.valid()) detail::not_a_task();
  auto& side = *std::make_unique<detail::Side<R>>().release();
  side.held = true;
  auto const context = detail::adopt(side);
  auto future = detail::FutureMaker<R>::make(side);
  detail::TaskStarter::start(std::move(task), side);
  detail::settle_within(context);
  return future;
}

}  // namespace corps
