#pragma once

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/host/internal/unique_fd.hpp"
#include "env/net/internal/hmac.hpp"
#include "env/net/internal/tls.hpp"

namespace corps::net::test {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};

/// What a certificate is to say. Times: seconds from now.
struct Wish {
  std::string name = "env";
  long from_s = -3'600;
  long until_s = 30 * 86'400;
  std::string usage = {};  // extended key usage; empty: none
  bool is_ca = false;
};

/// A certificate and its key, as text of PEM files.
struct Pem {
  std::string certificate;
  std::string key;
};

/// A CA of its own, made for this test. Keys are EC, P-256.
class Authority {
 public:
  explicit Authority(std::string name = "test CA", long until_s = 60 * 86'400)
      : key_(EVP_EC_gen("P-256")),
        own_(make({.name = std::move(name), .until_s = until_s, .is_ca = true}, key_.get(), nullptr)) {}

  std::string pem() const {
    return text([this](BIO* out) { PEM_write_bio_X509(out, own_.get()); });
  }

  Pem issue(Wish const& wish) const {
    Key const key(EVP_EC_gen("P-256"));
    return pem_of(make(wish, key.get(), this).get(), key.get());
  }
  static Pem self_signed(Wish const& wish) {
    Key const key(EVP_EC_gen("P-256"));
    return pem_of(make(wish, key.get(), nullptr).get(), key.get());
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

  template <class F>
  static std::string text(F&& write) {
    std::unique_ptr<BIO, Freed<BIO_free_all>> const out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* data = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static Pem pem_of(X509* certificate, EVP_PKEY* key) {
    return {text([&](BIO* out) { PEM_write_bio_X509(out, certificate); }),
            text([&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); })};
  }

  /// `by` null: signs itself.
  static Certificate make(Wish const& wish, EVP_PKEY* key, Authority const* by) {
    static std::atomic<long> serial{0};
    Certificate made(X509_new());
    auto* const issuer = by == nullptr ? made.get() : by->own_.get();
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.from_s);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.until_s);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<unsigned char const*>(wish.name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, made.get(), nullptr, nullptr, 0);
    auto const add = [&](int what, std::string const& value) {
      std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> const one(
          X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
      X509_add_ext(made.get(), one.get(), -1);
    };
    add(NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!wish.usage.empty()) add(NID_ext_key_usage, wish.usage);
    X509_sign(made.get(), by == nullptr ? key : by->key_.get(), EVP_sha256());
    return made;
  }

  Key key_;
  Certificate own_;
};

/// A folder of files that goes with it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "corps-tls-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the files of the test");
    path_ = name;
  }
  Folder(Folder const&) = delete;
  Folder& operator=(Folder const&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string write(std::string const& name, std::string_view text, mode_t mode = 0600) const {
    auto path = path_ / name;
    host::UniqueFd const fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fchmod(fd.get(), mode) != 0)
      throw std::runtime_error("cannot write " + path.string());
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

inline TlsSettings settings_of(Folder const& folder, std::string const& ca, Pem const& own) {
  static std::atomic<int> count{0};
  auto const number = std::to_string(++count);
  return {.ca = folder.write("ca" + number, ca),
          .certificate = folder.write("certificate" + number, own.certificate),
          .key = folder.write("key" + number, own.key)};
}

/// How a stranger speaks TLS.
struct Manner {
  Pem own = {};         // empty: shows none
  std::string ca = {};  // that it demands of the other side; empty: it checks nothing
  int version = TLS1_3_VERSION;
  std::string protocol = "corps/1";  // empty: none
};

/// One end of a TLS connection by OpenSSL alone, over a blocking socket: for what no Env does.
class RawTls {
 public:
  RawTls(host::UniqueFd fd, Manner const& manner, bool server) : fd_(std::move(fd)), context_(SSL_CTX_new(TLS_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), manner.version);
    if (!manner.own.certificate.empty()) {
      auto const certificate = read<X509, PEM_read_bio_X509, X509_free>(manner.own.certificate);
      auto const key = read<EVP_PKEY, PEM_read_bio_PrivateKey, EVP_PKEY_free>(manner.own.key);
      SSL_CTX_use_certificate(context_.get(), certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    if (!manner.ca.empty()) {
      auto const ca = read<X509, PEM_read_bio_X509, X509_free>(manner.ca);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), ca.get());
    }
    if (!manner.ca.empty() || server)
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, manner.ca.empty() ? accept_any : nullptr);
    protocol_ = std::string(1, static_cast<char>(manner.protocol.size())) + manner.protocol;
    if (!manner.protocol.empty()) {
      SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<unsigned char const*>(protocol_.data()),
                              static_cast<unsigned>(protocol_.size()));
      SSL_CTX_set_alpn_select_cb(context_.get(), choose, this);
    }
    connection_.reset(SSL_new(context_.get()));
    SSL_set_fd(connection_.get(), fd_.get());
    if (server)
      SSL_set_accept_state(connection_.get());
    else
      SSL_set_connect_state(connection_.get());
  }

  bool shake_hands() { return SSL_do_handshake(connection_.get()) == 1; }
  bool send(std::span<std::byte const> bytes) {
    std::size_t sent = 0;
    return SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &sent) == 1;
  }
  /// Exactly `count` bytes, or what came before the end.
  std::vector<std::byte> read(std::size_t count) {
    std::vector<std::byte> got(count);
    std::size_t size = 0;
    std::size_t more = 0;
    while (size < count && SSL_read_ex(connection_.get(), got.data() + size, count - size, &more) == 1) size += more;
    got.resize(size);
    return got;
  }
  /// What OpenSSL says of the end.
  std::string error() const {
    auto const reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason == nullptr ? "" : reason;
  }
  /// The exporter's value, as TlsChannel::binding().
  Digest binding() const {
    Digest exported{};
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    SSL_export_keying_material(connection_.get(), reinterpret_cast<unsigned char*>(exported.data()), exported.size(),
                               label.data(), label.size(), nullptr, 0, 0);
    return exported;
  }
  int fd() const { return fd_.get(); }

 private:
  template <class T, auto parse, auto free>
  static std::unique_ptr<T, Freed<free>> read(std::string const& pem) {
    std::unique_ptr<BIO, Freed<BIO_free_all>> const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return std::unique_ptr<T, Freed<free>>(parse(in.get(), nullptr, nullptr, nullptr));
  }
  static int accept_any(int, X509_STORE_CTX*) { return 1; }
  static int choose(SSL*, unsigned char const** chosen, unsigned char* size, unsigned char const*, unsigned, void* self) {
    auto const& protocol = static_cast<RawTls*>(self)->protocol_;
    *chosen = reinterpret_cast<unsigned char const*>(protocol.data() + 1);
    *size = static_cast<unsigned char>(protocol.size() - 1);
    return SSL_TLSEXT_ERR_OK;
  }

  host::UniqueFd fd_;
  std::string protocol_;
  std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Freed<SSL_free>> connection_;
};

}  // namespace corps::net::test
