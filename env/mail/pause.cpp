#include "corps/detail/pause.hpp"

#include <algorithm>
#include <utility>

#include "corps/detail/cell.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/waiting.hpp"

namespace corps::detail {

Pause::~Pause() { stop(); }

void Pause::begin(std::int64_t until_ns) {
  auto& cell = self();
  home = landed = false;
  early.reset();
  progress.store(Progress::away, std::memory_order_relaxed);
  caller = &cell;
  caller_id = cell.id.load(std::memory_order_relaxed);
  deadline_ns = std::min(until_ns, cell.context.deadline_ns);
  held = true;
  since_ns = cell.now_ns;
  cell.opened(*this);
  --cell.open_calls;  // a call that waits here is counted itself
  waits_ = true;
  if (deadline_ns < cell.armed_ns) arm(cell, deadline_ns);
}

void Pause::stop() noexcept {
  if (opened) caller->closed(*this);
  waits_ = false;
}

void Pause::wait(std::coroutine_handle<> awaiting, std::int64_t until_ns) {
  begin(until_ns);
  await(*this, awaiting);
}

void Pause::block(std::int64_t until_ns) {
  begin(until_ns);
  try {
    wait_for(*this, never_ns);
  } catch (...) {
    stop();
    throw;
  }
}

void Pause::wake() noexcept {
  if (!waits_ || ended()) return;
  stop();
  home = true;
  go_on();
}

std::unique_ptr<ErrorInfo> Pause::finish() noexcept {
  stop();
  return std::move(early);
}

}  // namespace corps::detail
