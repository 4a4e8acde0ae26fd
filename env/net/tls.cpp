#include "env/net/internal/tls.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string_view>
#include <system_error>
#include <vector>

#include "corps/error.hpp"
#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/hmac.hpp"

namespace corps::net {

namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;
constexpr std::size_t subject_bytes_max = 200;
constexpr int chain_depth_max = 3;  // certificates between that of an Env and that of the CA
constexpr std::size_t peer_chain_bytes_max = std::size_t{16} << 10;
constexpr int security_level = 2;  // RSA from 2,048 bits on, SHA-256: what OpenSSL calls 112 bits
constexpr std::string_view guide = "docs/operate/certificates.md says how to make them";

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;

/// A file that the configuration names.
struct Named {
  std::string_view key;
  std::string const& path;
};

[[noreturn]] void fail(Named const& file, std::string_view what) {
  throw ConfigError{fmt::format("{}: {}: {}", file.key, file.path, what)};
}

std::string system_text(int error) { return std::generic_category().message(error); }

/// Wipes what it holds: one of the files is a secret.
class FileBytes {
 public:
  FileBytes(Named const& file, bool secret) {
    host::UniqueFd const fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0)
      fail(file, fmt::format("cannot be read: {}; set {} to a PEM file that this user may read", system_text(errno), file.key));
    if (!S_ISREG(status.st_mode)) fail(file, "is no regular file; set the path of a PEM file");
    if (static_cast<std::uint64_t>(status.st_size) > file_bytes_max)
      fail(file, "is larger than 1 MiB; set the path of a PEM file");
    if (secret && (status.st_mode & S_IRWXO) != 0)
      fail(file, fmt::format("may be used by every user of this host (mode {:04o}); take that right away (chmod o= {})",
                             status.st_mode & 07777U, file.path));
    bytes_.resize(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < bytes_.size()) {
      auto const got = ::read(fd.get(), bytes_.data() + size, bytes_.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(file, fmt::format("cannot be read: {}; set another file", system_text(errno)));
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    bytes_.resize(size);
  }
  FileBytes(FileBytes const&) = delete;
  FileBytes& operator=(FileBytes const&) = delete;
  ~FileBytes() { wipe(bytes_); }

  Bio open() const { return Bio{BIO_new_mem_buf(bytes_.data(), static_cast<int>(bytes_.size()))}; }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<Certificate> read_certificates(Named const& file) {
  FileBytes const bytes(file, false);
  auto const in = bytes.open();
  std::vector<Certificate> found;
  while (auto* const next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) found.emplace_back(next);
  bool const all = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  auto const error = openssl_errors();
  if (!all) fail(file, fmt::format("holds a certificate that cannot be read ({}); write it anew", error));
  if (found.empty()) fail(file, fmt::format("holds no certificate; set a PEM file with BEGIN CERTIFICATE in it; {}", guide));
  return found;
}

Key read_key(Named const& file) {
  FileBytes const bytes(file, true);
  auto const in = bytes.open();
  bool asked = false;
  auto const no_passphrase = [](char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
  };
  Key key{PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &asked)};
  auto const error = openssl_errors();
  if (key) return key;
  if (asked) fail(file, "is protected by a passphrase, which nobody can enter; write it without one (openssl pkey)");
  fail(file, fmt::format("holds no private key ({}); set a PEM file with BEGIN PRIVATE KEY in it; {}", error, guide));
}

std::string time_text(ASN1_TIME const* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return "a time that cannot be read";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min);
}

/// One line without control characters, whatever is in the certificate.
std::string subject_text(X509* certificate) {
  if (certificate == nullptr) return "certificate";
  Bio const out{BIO_new(BIO_s_mem())};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  auto const size = BIO_get_mem_data(out.get(), &text);
  if (size <= 0) return "certificate without a name";
  std::string shown(text, std::min(static_cast<std::size_t>(size), subject_bytes_max));
  return "certificate " + shown;
}

int choose_protocol(SSL*, unsigned char const** chosen, unsigned char* chosen_size, unsigned char const* offered,
                    unsigned offered_size, void*) {
  for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
    std::string_view const one(reinterpret_cast<char const*>(offered + at + 1), offered[at]);
    if (one != TlsContext::protocol) continue;
    *chosen = offered + at + 1;
    *chosen_size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// All that is not the default is said here, and what is the default but must stay so: a system's openssl.cnf changes defaults.
void harden(SSL_CTX* context) {
  std::string offer(1, static_cast<char>(TlsContext::protocol.size()));
  offer += TlsContext::protocol;
  constexpr char const* suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  bool const done = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_ciphersuites(context, suites) == 1 && SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
                    SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1 &&
                    SSL_CTX_set_recv_max_early_data(context, 0) == 1 &&
                    SSL_CTX_set_alpn_protos(context, reinterpret_cast<unsigned char const*>(offer.data()),
                                            static_cast<unsigned>(offer.size())) == 0;
  if (!done) throw ConfigError{"TLS 1.3 is not to be had from this OpenSSL: " + openssl_errors()};
  SSL_CTX_set_security_level(context, security_level);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, chain_depth_max);
  SSL_CTX_set_max_cert_list(context, peer_chain_bytes_max);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
}

/// As a peer will: that the own certificate is worth nothing is said at boot, not by each peer in its log.
void verify_own(SSL_CTX* context, std::vector<Certificate> const& chain, Named const& file) {
  std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * stack) { sk_X509_free(stack); }>> const between{sk_X509_new_null()};
  for (auto const& certificate : chain) sk_X509_push(between.get(), certificate.get());
  for (auto const* const purpose : {"ssl_server", "ssl_client"}) {
    Verification const verification{X509_STORE_CTX_new()};
    X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(context), chain.front().get(), between.get());
    X509_STORE_CTX_set_default(verification.get(), purpose);
    auto* const parameters = X509_STORE_CTX_get0_param(verification.get());
    X509_VERIFY_PARAM_set_depth(parameters, chain_depth_max);
    X509_VERIFY_PARAM_set_auth_level(parameters, security_level);
    if (X509_verify_cert(verification.get()) != 1) fail(file, certificate_fault(verification.get()));
  }
}

}  // namespace

std::string openssl_errors() {
  std::string all;
  while (auto const error = ERR_get_error()) {
    auto const* const reason = ERR_reason_error_string(error);
    if (!all.empty()) all += ", ";
    all += reason != nullptr ? std::string(reason) : fmt::format("error {:#x}", error);
  }
  return all.empty() ? "no reason given" : all;
}

std::string certificate_fault(X509_STORE_CTX* verification) {
  auto* const certificate = X509_STORE_CTX_get_current_cert(verification);
  auto const say = [&](std::string const& what) { return fmt::format("{}: {}", subject_text(certificate), what); };
  auto const error = X509_STORE_CTX_get_error(verification);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return say(fmt::format("expired on {}; make a new one", time_text(X509_get0_notAfter(certificate))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return say(
          fmt::format("is not valid before {}; check the clocks of both hosts", time_text(X509_get0_notBefore(certificate))));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return say("is self-signed, and not in net.tls_ca; have it signed by a CA that is");
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return say("is not signed by a CA of net.tls_ca; have it signed by one, or add its CA there");
    case X509_V_ERR_INVALID_PURPOSE:
      return say("is not for both sides of TLS; name serverAuth and clientAuth in its extended key usage, or none");
    default: return say(fmt::format("{}; make a new one", X509_verify_cert_error_string(error)));
  }
}

void TlsContext::Free::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

TlsStamps stamps_of(TlsSettings const& settings) noexcept {
  TlsStamps stamps;
  auto* stamp = stamps.data();
  for (auto const* const path : {&settings.ca, &settings.certificate, &settings.key}) {
    struct stat status {};
    if (::stat(path->c_str(), &status) == 0)
      *stamp = {status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    ++stamp;
  }
  return stamps;
}

TlsContext::TlsContext(TlsSettings const& settings) : settings_(settings), stamps_(stamps_of(settings)) {
  Named const ca{"net.tls_ca", settings.ca};
  Named const own{"net.tls_certificate", settings.certificate};
  Named const secret{"net.tls_key", settings.key};
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_method()));
  if (!context_) throw ConfigError{"TLS is not to be had from this OpenSSL: " + openssl_errors()};
  auto* const context = context_.get();
  harden(context);
  for (auto const& certificate : read_certificates(ca)) X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  auto const chain = read_certificates(own);
  auto const key = read_key(secret);
  if (X509_check_private_key(chain.front().get(), key.get()) != 1)
    fail(secret, fmt::format("is not the key of the {} in net.tls_certificate ({}); set the two that were made together",
                             subject_text(chain.front().get()), settings.certificate));
  verify_own(context, chain, own);
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1)
    fail(own, fmt::format("cannot be used: {}; {}", openssl_errors(), guide));
  for (std::size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    fail(secret, fmt::format("cannot be used: {}; {}", openssl_errors(), guide));
}

TlsContext::~TlsContext() = default;

std::string TlsContext::expires_within(int days) const {
  auto* const own = SSL_CTX_get0_certificate(context_.get());
  auto const* const end = X509_get0_notAfter(own);
  int days_left = 0;
  int seconds_left = 0;
  if (ASN1_TIME_diff(&days_left, &seconds_left, nullptr, end) != 1 || days_left >= days) return {};
  return fmt::format(
      "net.tls_certificate: {}: {}: expires on {}; put a new one and its key in place of the files: no restart is needed",
      settings_.certificate, subject_text(own), time_text(end));
}

}  // namespace corps::net
