#include "corps/detail/tell.hpp"

#include <forward_list>
#include <memory>

#include "corps/detail/cell.hpp"
#include "corps/detail/local_request.hpp"
#include "corps/detail/runtime.hpp"

namespace corps::detail {
namespace {

/// The request on whose behalf the methods of small tells run, one after the other on a thread.
struct StandIn final : LocalRequest<> {
  StandIn() : LocalRequest(nullptr) { counted = true; }
};
/// Those that are not in use, linked by `running_next`: one, unless a method that blocks has others run beneath it.
constinit thread_local Request* unused = nullptr;

/// They end with the thread.
Request& one_more() {
  thread_local std::forward_list<StandIn> all;
  return all.emplace_front();
}

void put_back(Request& stand_in) noexcept {
  stand_in.running_next = unused;
  unused = &stand_in;
}

}  // namespace

Request& SmallTell::begin_with_one_more(Cell& cell, MethodRecord const& method) {
  put_back(one_more());
  return begin(cell, method);
}

Request& SmallTell::begin(Cell& cell, MethodRecord const& method) {
  auto* const stand_in = unused;
  if (stand_in == nullptr) [[unlikely]]
    return begin_with_one_more(cell, method);
  unused = stand_in->running_next;
  stand_in->method = &method;
  stand_in->caller_id = caller_id;
  stand_in->target = target;
  stand_in->server = &cell;
  ++cell.busy;
  cell.context = {never_ns, stand_in};
  cell.doing.store(&method, std::memory_order_relaxed);
  return *stand_in;
}

void SmallTell::end(Cell& cell, Request& stand_in) noexcept {
  --cell.busy;
  if (cell.context.request == &stand_in) cell.context.request = nullptr;
  put_back(stand_in);
}

void SmallTell::fail(Cell& cell, Request& stand_in) {
  auto& request = grow();
  request.server = &cell;
  request.counted = true;
  cell.context.request = &request;
  put_back(stand_in);
  request.fail_with_current_exception();
}

void SmallTell::undeliverable() noexcept { grow().undeliverable(); }

Request& SmallTell::grow() {
  std::unique_ptr<SmallTell> const self{this};
  auto request = make_request();
  request->target = target;
  request->sent_to = {env_facts.env, target};
  request->caller_id = caller_id;
  request->weight = weight;
  return *request.release();
}

}  // namespace corps::detail
