#include "env/mgr/internal/dump_service.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "corps/error.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/log.hpp"
#include "env/mgr/internal/dump.hpp"
#include "env/net/internal/dump_socket.hpp"

namespace corps::mgr {

void DumpService::start(net::Network& network) {
  try {
    listening_ = net::listen_for_dumps();
    network.watch_readable(listening_.get(), [this] { return accept(); });
  } catch (std::exception const& error) {
    host::log(host::Level::warn, fmt::format("`corps dump` will not reach this process: {}", error.what()));
  }
}

void DumpService::print() { add({}); }

bool DumpService::accept() {
  while (auto asks = net::accept_dump(listening_.get())) add(std::move(asks));
  return true;
}

void DumpService::add(host::UniqueFd asks) {
  std::lock_guard const lock{mutex_};
  if (stopping_ || waiting_.size() == waiting_max) return;
  waiting_.push_back(std::move(asks));
  if (running_) return;
  if (thread_.joinable()) thread_.join();  // it has ended, or is about to
  try {
    thread_ = std::thread{[this] { run(); }};
    running_ = true;
  } catch (std::exception const& error) {
    waiting_.clear();
    host::log(host::Level::warn, fmt::format("no thread can be started for a dump: {}", error.what()));
  }
}

void DumpService::run() noexcept {
  host::name_thread("corps dump");
  for (;;) {
    host::UniqueFd asks;
    {
      std::lock_guard const lock{mutex_};
      if (waiting_.empty() || stopping_) {
        running_ = false;
        return;
      }
      asks = std::move(waiting_.front());
      waiting_.pop_front();
    }
    serve(std::move(asks));
  }
}

void DumpService::serve(host::UniqueFd asks) {
  if (!asks) return host::log_text(as_text(take_dump(name_)));
  auto const json = net::read_json_wanted(asks.get());
  if (!json) return;
  auto const dump = take_dump(name_);
  net::answer_dump(asks.get(), *json ? as_json(dump) : as_text(dump));
}

void DumpService::stop() noexcept {
  {
    std::lock_guard const lock{mutex_};
    stopping_ = true;
    waiting_.clear();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace corps::mgr
