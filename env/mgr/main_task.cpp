#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "corps/detail/create.hpp"
#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/thrown.hpp"
#include "corps/spawn.hpp"
#include "env/host/internal/clock.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/errors.hpp"
#include "env/mail/internal/lost_errors.hpp"
#include "env/mail/internal/select.hpp"
#include "env/mail/internal/worker_extra.hpp"
#include "env/net/internal/log_limiter.hpp"

namespace corps::detail {
namespace {

constexpr std::uint32_t lost_errors_logged_per_second_max = 20;

bool is_front(Cell const& cell) noexcept { return cell.address() == ConcAddr{0, corps_front_id}; }

std::string say(ErrorInfo const& error) {
  return error.type.empty() ? fmt::format("{}: {}", error_name(error.code), error.text)
                            : fmt::format("{}: {}", error.type, error.text);
}

Task<void> run_main(Task<void> main, Cell* cell) {
  std::exception_ptr failure;
  try {
    co_await std::move(main);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    host::log(host::Level::error, fmt::format("on_main of {} at {} ended with {}", cell->cls->name, to_string(cell->address()),
                                              say(describe_thrown(failure))));
    cell->exiting = true;
    cell->extra().failed_with = "on_main ended with " + say(describe_thrown(failure));
  }
  if ((cell->hooks & hook_receives) != 0) cell->exiting = true;  // nobody receives any more
  if (is_front(*cell)) stop_corps(failure ? 1 : 0);
}

void begin_main(Cell& cell) {
  cell.constructing = false;
  auto main = ConcAccess::on_main(*cell.object);
  if (!main.valid()) return;
  mail::main_begins(cell);
  auto const context = std::exchange(cell.context, CallContext{});  // it outlives the request that made the object
  (void)spawn(run_main(std::move(main), &cell));
  cell.context = context;
}

Task<void> run_start(Task<void> start, Cell* cell) {
  try {
    co_await std::move(start);
    begin_main(*cell);
  } catch (...) {
    cell->exiting = true;
    throw;
  }
}

}  // namespace

bool start_object(Cell& cell, Request& construct) {
  auto start = ConcAccess::on_start(*cell.object);
  if (start.valid()) {
    TaskStarter::start(run_start(std::move(start), &cell), construct);
    return true;
  }
  begin_main(cell);
  return false;
}

void fail_construction(Cell& cell, Request& construct) noexcept {
  cell.expects_object = false;
  cell.exiting = true;
  construct.fail_with_current_exception();
}

void take_started(Request& construct) {
  std::coroutine_handle<TaskPromise<void>>::from_address(construct.frame.address()).promise().take();
}

void lost_error(Request const& request, ErrorInfo const& error) noexcept {
  mail::count_lost_error();
  static std::mutex mutex;
  static net::LogLimiter limited{[](std::string_view line) { host::log(host::Level::warn, line); }, host::Clock::system(),
                                 lost_errors_logged_per_second_max};
  auto line = fmt::format("nobody saw how a call of {} ended: {}", mail::method_name(request), say(error));
  std::lock_guard const lock{mutex};
  limited(std::move(line));
}

}  // namespace corps::detail
