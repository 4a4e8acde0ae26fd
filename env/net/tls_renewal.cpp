#include "env/net/internal/tls_renewal.hpp"

#include <chrono>
#include <utility>

#include "corps/error.hpp"

namespace corps::net {

namespace {

constexpr int warned_days_ahead = 14;
constexpr std::uint64_t warned_again_after_ns = std::chrono::nanoseconds{std::chrono::hours{24}}.count();

}  // namespace

TlsRenewal::TlsRenewal(std::shared_ptr<TlsContext const> first, host::Clock& clock, Tell tell)
    : current_(std::move(first)), clock_(clock), tell_(std::move(tell)) {}

std::shared_ptr<TlsContext const> const& TlsRenewal::current() {
  // A file that changes while it is read is seen the next time: the stamps are older than what was read.
  auto const stamps = stamps_of(current_->settings());
  if (stamps != current_->stamps() && stamps != refused_) {
    try {
      current_ = std::make_shared<TlsContext const>(current_->settings());
      refused_ = {};
      warned_ns_ = 0;
    } catch (ConfigError const& error) {
      refused_ = stamps;
      tell_(error.text() + "; until then the certificate that was read before stays in use");
    }
  }
  warn_in_time();
  return current_;
}

void TlsRenewal::warn_in_time() {
  auto const now_ns = clock_.monotonic_ns();
  if (warned_ns_ != 0 && now_ns - warned_ns_ < warned_again_after_ns) return;
  auto const what = current_->expires_within(warned_days_ahead);
  if (what.empty()) return;
  warned_ns_ = now_ns;
  tell_(what);
}

}  // namespace corps::net
