#include "env/mail/internal/select.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/waiting.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/worker_extra.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Envelope;
using detail::Request;

/// The receive that somebody still waits for and that serves nothing yet. One whose Future was dropped ends here.
Receiving* open_receive(Selection& selection) noexcept {
  auto* const receiving = selection.receiving;
  if (receiving == nullptr || receiving->serving != nullptr) return nullptr;
  if (receiving->held) return receiving;
  delete std::exchange(selection.receiving, nullptr);
  return nullptr;
}

bool may_begin(Cell const& cell, Receiving const* receiving, Request const& request) noexcept {
  if (cell.cls->interleaves != nullptr && cell.cls->interleaves(*request.method)) return true;
  return receiving != nullptr && receiving->pattern.fits(request);
}

}  // namespace

void end_late_requests(Cell& cell) noexcept {
  auto& selection = cell.extra().selection;
  selection.before = nullptr;
  selection.found = false;
  auto earliest = detail::never_ns;
  detail::EnvelopeQueue late;
  auto const now = detail::now_ns();
  for (Envelope* before = nullptr; auto* const next = cell.requests.after(before);) {
    auto const deadline = static_cast<Request*>(next)->deadline_ns;
    if (deadline > now) {
      earliest = std::min(earliest, deadline);
      before = next;
      continue;
    }
    cell.room_back += next->weight;
    late.push_back(cell.requests.take_after(before));
  }
  for (auto* envelope = late.take_all(); envelope != nullptr;) {
    auto* const next = std::exchange(envelope->next, nullptr);
    auto& request = static_cast<Request&>(*envelope);
    request.bounce(not_begun_in_time(request, cell.address()));
    envelope = next;
  }
  if (earliest < cell.armed_ns) detail::arm(cell, earliest);
}

Selection::~Selection() {
  if (receiving != nullptr && !receiving->held) delete receiving;
}

void main_begins(Cell& cell) noexcept {
  if ((cell.hooks & detail::hook_receives) != 0) ++cell.busy;
}

void begins(Cell& cell, Request const& request) noexcept {
  auto* const receiving = open_receive(cell.extra().selection);
  if (receiving != nullptr && receiving->pattern.fits(request)) receiving->serving = &request;
}

Receiving* ends(Cell& cell, Request const& request) noexcept {
  auto& selection = cell.extra().selection;
  auto* const receiving = selection.receiving;
  if (receiving == nullptr || receiving->serving != &request) return nullptr;
  receiving->result.emplace(detail::Receipt{request.method, Incoming{&request}.caller(), request.error != nullptr});
  return std::exchange(selection.receiving, nullptr);
}

}  // namespace corps::mail

namespace corps::detail {

bool Pattern::fits(Request const& request) const noexcept {
  if (!from_anybody && Incoming{&request}.caller() != from) return false;
  if (methods == nullptr) return true;
  for (std::size_t i = 0; i < count; ++i)
    if (methods[i](*request.method)) return true;
  return false;
}

bool Cell::finds_request() const noexcept {
  if (constructing || requests.empty()) return false;
  auto& selection = extra_->selection;
  auto const* const receiving = mail::open_receive(selection);
  while (!selection.found) {
    auto* const next = requests.after(selection.before);
    if (next == nullptr) return false;
    selection.found = mail::may_begin(*this, receiving, static_cast<Request const&>(*next));
    if (!selection.found) selection.before = next;
  }
  return true;
}

void Cell::watch_deadlines(Envelope const* arrived) noexcept {
  auto earliest = never_ns;
  for (; arrived != nullptr; arrived = requests.after(arrived))
    earliest = std::min(earliest, static_cast<Request const*>(arrived)->deadline_ns);
  if (earliest < armed_ns) arm(*this, earliest);
}

void Cell::bring_forward_found() noexcept {
  auto& selection = extra_->selection;
  if (busy != 0) {
    if (selection.before != nullptr) requests.push_front(requests.take_after(selection.before));
    selection.found = false;
  } else if (selection.before == nullptr) {
    selection.found = false;  // the first is popped, whether or not it was the one
  } else if (selection.before == requests.after(nullptr)) {
    selection.before = nullptr;
  }
}

Reply<Received>& begin_receive(Cell* cell, Pattern pattern) {
  if (cell == nullptr || current_cell != cell)
    throw std::logic_error{"corps: receive is for the object's own turns, and for objects that corps::create made"};
  for (auto const* request = cell->running; request != nullptr; request = request->running_next)
    if (request->counted && request->method->constructs == nullptr &&
        (cell->cls->interleaves == nullptr || !cell->cls->interleaves(*request->method)))
      throw std::logic_error{"corps: receive is for on_main; a method that receives would wait for itself to end"};
  auto& selection = cell->extra().selection;
  (void)mail::open_receive(selection);
  if (selection.receiving != nullptr) throw std::logic_error{"corps: this object receives already; await that first"};
  mail::end_late_requests(*cell);
  auto receiving = std::make_unique<mail::Receiving>(pattern);
  receiving->held = true;
  receiving->caller = cell;
  receiving->caller_id = cell->id.load(std::memory_order_relaxed);
  receiving->server = cell;
  selection.receiving = receiving.get();
  return *receiving.release();
}

}  // namespace corps::detail
