#include "env/mail/internal/descriptors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "corps/detail/registry.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/send.hpp"
#include "corps/readable.hpp"
#include "env/host/internal/system_error.hpp"
#include "env/mail/internal/own_wait.hpp"
#include "env/sched/internal/simulation.hpp"

namespace corps::mail {
namespace {

using detail::env_facts;
using detail::Request;

constinit detail::MethodRecord const readable_record{{0, "corps", "readable", ""}, nullptr};
constinit detail::MethodRecord const writable_record{{0, "corps", "writable", ""}, nullptr};

/// A request that is sent to the I/O thread, and comes home when the descriptor is ready.
struct Waiting final : OwnWait {
  Waiting(int which, bool to_write) : OwnWait(to_write ? writable_record : readable_record), fd(which) {}
  void let_go() noexcept override;
  int const fd;  // as the caller calls it
  std::uint64_t number = 0;
};

/// Whoever takes a wait out of the table ends it.
struct Table {
  std::mutex mutex;
  DescriptorWaits* waits = nullptr;
  std::size_t waits_max = 0;
  std::uint64_t last_number = 0;
  std::unordered_map<std::uint64_t, Waiting*> waiting;
};
Table& table() {
  static auto* const instance = new Table;  // plain threads may wait until the process ends
  return *instance;
}

Waiting* take_out(std::uint64_t number) noexcept {
  auto const found = table().waiting.find(number);
  if (found == table().waiting.end()) return nullptr;
  auto* const waiting = found->second;
  table().waiting.erase(found);
  return waiting;
}

void Waiting::let_go() noexcept {
  {
    std::lock_guard const lock{table().mutex};
    if (take_out(number) == nullptr) return;  // it is on its way home
    if (table().waits != nullptr) table().waits->forget(number);
  }
  take_back();
}

ErrorInfo refused(std::string_view why) { return {Errc::refused, Ran::no, std::string{why}, {}, {}}; }
ErrorInfo overloaded(std::string text) { return {Errc::overloaded, Ran::no, std::move(text), {}, {}}; }

constexpr std::string_view no_env = "no Env runs in this process, or it is stopping: so nobody can wait for a descriptor";

bool is_ready(int fd, bool to_write) {
  pollfd asked{fd, static_cast<short>(to_write ? POLLOUT : POLLIN), 0};
  int got = 0;
  do got = ::poll(&asked, 1, 0);
  while (got < 0 && errno == EINTR);
  if (fd < 0 || (asked.revents & POLLNVAL) != 0)
    throw std::invalid_argument{fmt::format("corps: {} is not an open descriptor, so nobody can wait for it", fd)};
  return got > 0;
}

/// Hands the wait to the I/O thread; what keeps it from that. Under the lock.
std::unique_ptr<ErrorInfo> begin(Waiting& wait, bool to_write) {
  auto& all = table();
  if (all.waits == nullptr) return std::make_unique<ErrorInfo>(refused(no_env));
  if (sched::simulation != nullptr)
    return std::make_unique<ErrorInfo>(
        refused(fmt::format("the deterministic twin cannot wait for descriptor {}, which is not ready: make it ready before, or "
                            "test this with a real Env",
                            wait.fd)));
  if (all.waiting.size() >= all.waits_max)
    return std::make_unique<ErrorInfo>(overloaded(
        fmt::format("{} waits for descriptors are under way in this Env, the most that may; wait for fewer at a time, or raise "
                    "limits.descriptor_waits",
                    all.waits_max)));
  host::UniqueFd own{::fcntl(wait.fd, F_DUPFD_CLOEXEC, 0)};
  if (!own) {
    try {
      host::throw_system(errno, fmt::format("wait for descriptor {}", wait.fd));
    } catch (Error const& error) {
      return std::make_unique<ErrorInfo>(error.info());
    }
  }
  wait.number = ++all.last_number;
  all.waiting.emplace(wait.number, &wait);
  all.waits->begin(wait.number, std::move(own), to_write);
  return nullptr;
}

}  // namespace

void begin_descriptor_waits(DescriptorWaits& waits, std::size_t waits_max) {
  std::lock_guard const lock{table().mutex};
  table().waits = &waits;
  table().waits_max = waits_max;
}

void end_descriptor_waits() noexcept {
  std::unordered_map<std::uint64_t, Waiting*> left;
  {
    std::lock_guard const lock{table().mutex};
    table().waits = nullptr;
    left.swap(table().waiting);
  }
  for (auto const& [number, waiting] : left) waiting->bounce(refused(no_env));
}

void descriptor_ready(std::uint64_t number, std::string const& error) noexcept {
  Waiting* waiting = nullptr;
  {
    std::lock_guard const lock{table().mutex};
    waiting = take_out(number);
  }
  if (waiting == nullptr) return;
  if (!error.empty())
    return waiting->bounce(overloaded(fmt::format("nobody can wait for descriptor {}: {}", waiting->fd, error)));
  waiting->end();
}

std::size_t descriptor_waits() noexcept {
  std::lock_guard const lock{table().mutex};
  return table().waiting.size();
}

bool is_descriptor_wait(Request const& request) noexcept {
  return request.method == &readable_record || request.method == &writable_record;
}

ErrorInfo descriptor_timed_out(Request const& request) {
  return {Errc::timeout,
          Ran::maybe,
          fmt::format(
              "descriptor {} was not {} before the limit of the wait, or the deadline of the request that waits; give it longer",
              static_cast<Waiting const&>(request).fd, request.method->id.method_name),
          {},
          {}};
}

}  // namespace corps::mail

namespace corps::detail {

Future<void> wait_for_descriptor(int fd, bool to_write, std::int64_t limit_ns) {
  bool const ready = mail::is_ready(fd, to_write);
  auto& wait = *std::make_unique<mail::Waiting>(fd, to_write).release();
  auto future = FutureMaker<void>::make(wait);
  if (!open_call(wait, {env_facts.env, env_mgr_id}, std::max<std::int64_t>(0, limit_ns))) return future;
  (void)wait.Request::begin();
  if (ready) {
    wait.end();
    return future;
  }
  std::unique_ptr<ErrorInfo> failed;
  {
    std::lock_guard const lock{mail::table().mutex};
    failed = mail::begin(wait, to_write);
  }
  if (failed != nullptr) wait.bounce(std::move(*failed));
  return future;
}

}  // namespace corps::detail
