#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// Of OpenSSL, which only tls.cpp and tls_channel.cpp include.
struct ssl_ctx_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace corps::net {

/// Where the certificates of an Env are, and what else its connections over TLS have in common.
struct TlsSettings {
  // Paths of PEM files.
  std::string ca;           // net.tls_ca: the CAs whose certificates are accepted; no others are, the system's neither
  std::string certificate;  // net.tls_certificate: that of this Env, and the certificates between it and the CA
  std::string key;          // net.tls_key
  /// After so many records a side takes a new key: AES-GCM is safe for 2^24.5 (RFC 8446, 5.5).
  std::uint64_t records_per_key = std::uint64_t{1} << 23;
};

/// Which files there were: other ones, or others of the same name, have other stamps.
struct TlsStamp {
  std::uint64_t device = 0;
  std::uint64_t file = 0;
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(TlsStamp const&, TlsStamp const&) = default;
};
using TlsStamps = std::array<TlsStamp, 3>;
TlsStamps stamps_of(TlsSettings const& settings) noexcept;

/// The one place that makes a TLS context: TLS 1.3 with certificates on both sides, and nothing that is not needed for it: no
/// tickets, no early data, no renegotiation, no compression.
/// Threads: any, once made.
class TlsContext {
 public:
  static constexpr std::string_view protocol = "corps/1";  // agreed on by ALPN; whoever speaks another is refused

  /// Reads the files, once. Throws ConfigError with key, file, reason and remedy: a file that cannot be read or is none of PEM, a
  /// key that others may read or that belongs to another certificate, a certificate that no peer would accept.
  explicit TlsContext(TlsSettings const& settings);
  TlsContext(TlsContext const&) = delete;
  TlsContext& operator=(TlsContext const&) = delete;
  ~TlsContext();

  ssl_ctx_st* get() const noexcept { return context_.get(); }
  TlsSettings const& settings() const noexcept { return settings_; }
  /// Of the files when it began to read them.
  TlsStamps const& stamps() const noexcept { return stamps_; }
  /// Says so if the certificate of this Env expires within so many days; else empty.
  std::string expires_within(int days) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };

  TlsSettings settings_;
  TlsStamps stamps_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// What is wrong with the certificate that a verification ended at, and the remedy: "certificate CN=env: expired on …; …".
std::string certificate_fault(x509_store_ctx_st* verification);

/// All errors that OpenSSL has noted on this thread, in one line; forgets them.
std::string openssl_errors();

}  // namespace corps::net
