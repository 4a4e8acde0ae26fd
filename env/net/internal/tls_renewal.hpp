#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "env/host/internal/clock.hpp"
#include "env/net/internal/tls.hpp"

namespace corps::net {

/// The certificates of an Env as its files have them now: what is renewed there is used for the next connection, without a
/// restart. Files that cannot be used change nothing, and are told of once.
/// Threads: one at a time. `clock` must outlive it.
class TlsRenewal {
 public:
  using Tell = std::function<void(std::string const& line)>;

  TlsRenewal(std::shared_ptr<TlsContext const> first, host::Clock& clock, Tell tell);

  /// For the next connection. Looks at the files; reads them if they have changed, which takes about a millisecond. Tells once a
  /// day of a certificate that expires within 14 days.
  std::shared_ptr<TlsContext const> const& current();

 private:
  void warn_in_time();

  std::shared_ptr<TlsContext const> current_;
  host::Clock& clock_;
  Tell tell_;
  TlsStamps refused_{};          // of files that cannot be used
  std::uint64_t warned_ns_ = 0;  // 0: never
};

}  // namespace corps::net
