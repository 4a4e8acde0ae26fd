#include "corps/promise.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"

namespace corps::detail {
namespace {

constinit MethodRecord const record_of_pledges{{0, "corps", "Promise", ""}, nullptr};

}  // namespace

PromiseStateBase::PromiseStateBase() noexcept {
  if (current_cell == nullptr) return;
  made_by_ = current_cell->address();
  if (auto const* const request = current_cell->context.request) method_ = request->method;
}

void PromiseStateBase::take_end() {
  if (end_taken_) throw std::logic_error{"corps: a Promise has one end, later() or future(), and it was taken before"};
  end_taken_ = true;
}

ErrorInfo PromiseStateBase::broken() const {
  auto const where = method_ == nullptr ? to_string(made_by_) : fmt::format("{} at {}", readable(*method_), to_string(made_by_));
  if (current_cell != nullptr && current_cell->exiting && current_cell->address() == made_by_)
    return {Errc::worker_lost, Ran::maybe, fmt::format("{} has ended, and its Promise with it", where), {}, {}};
  return {Errc::remote,
          Ran::yes,
          fmt::format("the Promise of {} was dropped without an answer; give it a value or an error wherever its callback ends",
                      where),
          "corps::BrokenPromise",
          {}};
}

MethodRecord const& pledge_record() noexcept { return record_of_pledges; }

void empty_later() { throw std::logic_error{"corps: the method returned a Later that was moved from, so that nobody answers"}; }

void no_promise() { throw std::logic_error{"corps: this Promise was moved from"}; }

}  // namespace corps::detail
