#include "env/mail/internal/lost_errors.hpp"

#include <atomic>

namespace corps::mail {
namespace {

constinit std::atomic<std::uint64_t> count{0};

}  // namespace

std::uint64_t lost_errors() noexcept { return count.load(std::memory_order_relaxed); }
void count_lost_error() noexcept { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace corps::mail
