#include "env/mail/internal/dead_letters.hpp"

#include <fmt/format.h>

#include <atomic>
#include <string_view>

#include "corps/detail/cell.hpp"
#include "env/host/internal/log.hpp"
#include "env/mail/internal/errors.hpp"

namespace corps::mail {
namespace {

constexpr std::uint32_t lines_per_second_max = 3;
constexpr std::int64_t second_ns = 1'000'000'000;

struct Kind {
  std::string_view what;
  std::string_view remedy;
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> left_out{0};
  std::atomic<std::uint32_t> lines{0};
  std::atomic<std::int64_t> second_began_ns{-second_ns};

  bool may_log() noexcept {
    auto const now = detail::recent_now_ns();
    auto began = second_began_ns.load(std::memory_order_relaxed);
    if (now - began >= second_ns && second_began_ns.compare_exchange_strong(began, now, std::memory_order_relaxed))
      lines.store(0, std::memory_order_relaxed);
    if (lines.load(std::memory_order_relaxed) < lines_per_second_max &&
        lines.fetch_add(1, std::memory_order_relaxed) < lines_per_second_max)
      return true;
    left_out.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
};

constinit std::array<Kind, dead_letter_kinds> kinds{
    Kind{"has no Worker to go to", "it has ended, or never was; watch it, or use call"},
    Kind{"found no room in the mailbox", "await the tell, send fewer, or raise limits.mailbox"},
    Kind{"was too old when its turn came", "give it longer with within(...)"},
    Kind{"was answered after its deadline", "give it longer with within(...)"},
};

}  // namespace

void dead_letter(DeadLetter kind, detail::Request const& request) noexcept {
  auto& entry = kinds[static_cast<std::size_t>(kind)];
  entry.count.fetch_add(1, std::memory_order_relaxed);
  if (!entry.may_log()) return;
  auto line = fmt::format("a {} of {} at {} {}: {}", kind == DeadLetter::late_answer ? "call" : "tell", method_name(request),
                          to_string(request.sent_to), entry.what, entry.remedy);
  if (auto const left_out = entry.left_out.exchange(0, std::memory_order_relaxed); left_out != 0)
    line += fmt::format(" ({} more like this were not logged)", left_out);
  host::log(host::Level::warn, line);
}

std::array<std::uint64_t, dead_letter_kinds> dead_letters() noexcept {
  std::array<std::uint64_t, dead_letter_kinds> counts{};
  for (std::size_t i = 0; i < dead_letter_kinds; ++i) counts[i] = kinds[i].count.load(std::memory_order_relaxed);
  return counts;
}

bool is_dead_letter(detail::Request const& request) noexcept {
  switch (request.error->code) {
    case Errc::worker_lost:
      if (request.error->ran != Ran::no) return false;
      dead_letter(DeadLetter::no_worker, request);
      return true;
    case Errc::overloaded: dead_letter(DeadLetter::no_room, request); return true;
    case Errc::timeout: dead_letter(DeadLetter::too_old, request); return true;
    default: return false;
  }
}

}  // namespace corps::mail
