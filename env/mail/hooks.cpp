#include "env/mail/internal/hooks.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "corps/conc.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/error.hpp"
#include "corps/incoming.hpp"
#include "env/mail/internal/select.hpp"

namespace corps::mail {
namespace {

using detail::Cell;
using detail::Request;

/// As what a caller sees what on_request threw: an error of the table that says "not run" as it is, anything else as Refused.
ErrorInfo refusal(Cell const& cell, Request const& request, std::exception_ptr const& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (Error const& error) {
    if (error.info().ran == Ran::no) return error.info();
  } catch (...) {  // below
  }
  auto const info = detail::describe_thrown(thrown);
  auto const type = info.type.empty() ? std::string{error_name(info.code)} : info.type;
  return {Errc::refused,
          Ran::no,
          fmt::format("on_request of {} at {} refused {}: {}: {}", cell.cls->name, to_string(cell.address()),
                      detail::readable(*request.method), type, info.text),
          {},
          {}};
}

}  // namespace

bool before_request(Cell& cell, Request& request) noexcept {
  if (request.method->constructs != nullptr) return true;
  try {
    if ((cell.hooks & detail::hook_request) != 0) cell.object->on_request(Incoming{&request});
    if ((cell.hooks & detail::hook_receives) != 0) begins(cell, request);
    return true;
  } catch (...) {
    request.give_back(refusal(cell, request, std::current_exception()));
    return false;
  }
}

Receiving* after_request(Cell& cell, Request const& request) noexcept {
  if (request.method == nullptr || request.method->constructs != nullptr) return nullptr;
  if ((cell.hooks & detail::hook_reply) != 0) cell.object->on_reply(Incoming{&request}, request.error.get());
  return (cell.hooks & detail::hook_receives) != 0 ? ends(cell, request) : nullptr;
}

}  // namespace corps::mail
