#include "env/mgr/internal/dump_service.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "corps/error.hpp"
#include "env/host/internal/cores.hpp"
#include "env/host/internal/log.hpp"
#include "env/mgr/internal/dump.hpp"
#include "env/mgr/internal/env_process.hpp"
#include "env/mgr/internal/links_report.hpp"
#include "env/net/internal/dump_socket.hpp"

namespace corps::mgr {

void DumpService::start(net::Network& network) {
  try {
    listening_ = net::listen_for_questions();
    network.watch_readable(listening_.get(), [this] { return accept(); });
  } catch (std::exception const& error) {
    host::log(host::Level::warn, fmt::format("`corps dump` and `corps links` will not reach this process: {}", error.what()));
  }
}

void DumpService::print() { add({}); }

bool DumpService::accept() {
  while (auto asks = net::accept_question(listening_.get())) add(std::move(asks));
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
  auto const take = [this] { return take_dump(env_.settings().corps.tag); };
  if (!asks) return host::log_text(as_text(take()));
  auto const question = net::read_question(asks.get());
  if (!question) return;
  auto const answer = [&](auto const& seen) { net::answer_question(asks.get(), question->json ? as_json(seen) : as_text(seen)); };
  switch (question->subject) {
    case net::Question::Subject::dump: return answer(take());
    case net::Question::Subject::links: return answer(take_links_report(env_));
  }
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
