#include <fmt/format.h>

#include <exception>

#include "corps/detail/create.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/spawn.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/errors.hpp"

namespace corps::detail {
namespace {

bool is_front(Cell const& cell) noexcept { return cell.address() == ConcAddr{0, corps_front_id}; }

std::string say(ErrorInfo const& error) {
  return error.type.empty() ? fmt::format("{}: {}", error_name(error.code), error.text) : fmt::format("{}: {}", error.type, error.text);
}

Task<void> run_main(Task<void> main, Cell* cell) {
  std::exception_ptr failure;
  try {
    co_await std::move(main);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    host::log(host::Level::error,
              fmt::format("on_main of {} at {} ended with {}", cell->cls->name, to_string(cell->address()), say(describe_thrown(failure))));
    cell->exiting = true;
  }
  if (is_front(*cell)) stop_corps(failure ? 1 : 0);
}

}  // namespace

void begin_main(Cell& cell, Task<> main) {
  if (!main.valid()) return;
  auto running = spawn(run_main(std::move(main), &cell));
  (void)running;
}

void lost_error(Request const& request, ErrorInfo const& error) noexcept {
  host::log(host::Level::warn, fmt::format("nobody saw how a call of {} ended: {}", mail::method_name(request), say(error)));
}

}  // namespace corps::detail
