#include "env/net/internal/tls_channel.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "env/net/internal/block_pool.hpp"

namespace corps::net {

namespace {

constexpr std::size_t record_overhead_max = 32;  // header, type and tag: 22 with the suites of TLS 1.3
constexpr std::size_t record_bytes_max = (std::size_t{16} << 10) - record_overhead_max;
constexpr std::string_view binding_label = "EXPORTER-Channel-Binding";

static_assert(BlockPool::block_bytes % (record_bytes_max + record_overhead_max) == 0, "full records fill a block");

std::string refusal_text(std::string_view why) {
  return fmt::format("the peer refused the certificate of this Env (net.tls_certificate): {}", why);
}

/// In words of our own what happens when two that do not fit meet; else in OpenSSL's.
std::string words_for(int reason) {
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the peer showed no certificate; set its net.tls_certificate";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_MESSAGE:
      return "the peer does not speak TLS, or not as it should; set net.tls_ca for all Envs of the Corps";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "the peer does not speak TLS 1.3, and no older version is spoken";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return "the peer is no Env: it does not speak corps/1";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return refusal_text("it has expired, or the clocks of the hosts differ; make a new one");
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return refusal_text("its CA is not in net.tls_ca of the peer; add it there, or use another certificate");
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE: return refusal_text("it is not valid there, or not yet; see the log of the peer");
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return refusal_text("it is not for both sides of TLS; name serverAuth and clientAuth in it");
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED: return refusal_text("it is revoked; make a new one");
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return refusal_text("see the log of the peer");
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return refusal_text("it was not shown; see the log of the peer");
    default: return {};
  }
}

/// Bytes taken, 0 if the socket is full, or -errno.
ssize_t send_now(int socket, std::span<std::byte const> bytes) noexcept {
  for (;;) {
    auto const sent = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return 0;
    if (errno != EINTR) return -errno;
  }
}

TlsChannel& channel_of(BIO* bio) noexcept { return *static_cast<TlsChannel*>(BIO_get_data(bio)); }

}  // namespace

/// OpenSSL reads what was fed and writes into a buffer: both without a copy more, and without a socket.
struct TlsChannel::Hooks {
  static int read(BIO* bio, char* to, std::size_t size, std::size_t* got) noexcept {
    auto& input = channel_of(bio).input_;
    BIO_clear_retry_flags(bio);
    *got = std::min(size, input.size());
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(to, input.data(), *got);
    input = input.subspan(*got);
    return 1;
  }

  static int write(BIO* bio, char const* from, std::size_t size, std::size_t* taken) noexcept {
    BIO_clear_retry_flags(bio);
    try {
      auto& output = channel_of(bio).output_;
      if (output.capacity() == 0 && size > record_overhead_max) output = BlockPool::of_large().take();
      output.append(from, size);
    } catch (std::bad_alloc const&) {
      return 0;
    }
    *taken = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int note_certificate(int good, X509_STORE_CTX* verification) noexcept {
    if (good == 1) return good;
    auto* const connection = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    try {
      static_cast<TlsChannel*>(SSL_get_app_data(connection))->refused_ = "the peer's " + certificate_fault(verification);
    } catch (std::bad_alloc const&) {
      // OpenSSL's own words remain.
    }
    return good;
  }

  static BIO_METHOD const* methods() {
    static auto const* const made = [] {
      auto* const one = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "corps");
      BIO_meth_set_read_ex(one, read);
      BIO_meth_set_write_ex(one, write);
      BIO_meth_set_ctrl(one, control);
      return one;
    }();
    return made;
  }
};

/// Cuts what is to be sent into records: from where it lies, or, where many small pieces make one, gathered.
class TlsChannel::Gatherer {
 public:
  explicit Gatherer(std::span<iovec const> parts) noexcept : parts_(parts) { skip_empty(); }

  bool empty() const noexcept { return parts_.empty(); }

  std::span<std::byte const> next() noexcept {
    auto const first = rest();
    if (first.size() >= record_bytes_max || parts_.size() == 1) return take(std::min(first.size(), record_bytes_max));
    std::size_t size = 0;
    while (!parts_.empty() && size < record_bytes_max) {
      auto const piece = take(std::min(rest().size(), record_bytes_max - size));
      std::memcpy(gathered_.data() + size, piece.data(), piece.size());
      size += piece.size();
    }
    return std::span(gathered_).first(size);
  }

 private:
  std::span<std::byte const> rest() const noexcept {
    return std::span(static_cast<std::byte const*>(parts_.front().iov_base), parts_.front().iov_len).subspan(at_);
  }
  std::span<std::byte const> take(std::size_t size) noexcept {
    auto const piece = rest().first(size);
    at_ += size;
    skip_empty();
    return piece;
  }
  void skip_empty() noexcept {
    while (!parts_.empty() && at_ == parts_.front().iov_len) {
      parts_ = parts_.subspan(1);
      at_ = 0;
    }
  }

  std::span<iovec const> parts_;
  std::size_t at_ = 0;  // in the first of them
  std::array<std::byte, record_bytes_max> gathered_;
};

void TlsChannel::Free::operator()(SSL* connection) const noexcept { SSL_free(connection); }

TlsChannel::TlsChannel(std::shared_ptr<TlsContext const> context, TlsRole role)
    : context_(std::move(context)), role_(role), connection_(SSL_new(context_->get())) {
  auto* const bio = connection_ ? BIO_new(Hooks::methods()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(connection_.get(), bio, bio);
  SSL_set_app_data(connection_.get(), this);
  SSL_set_verify(connection_.get(), SSL_get_verify_mode(connection_.get()), Hooks::note_certificate);
  if (role_ == TlsRole::client)
    SSL_set_connect_state(connection_.get());
  else
    SSL_set_accept_state(connection_.get());
}

TlsChannel::~TlsChannel() = default;

void TlsChannel::feed(std::span<std::byte const> received) noexcept {
  std::lock_guard const lock{mutex_};
  input_ = received;
}

std::size_t TlsChannel::read(std::span<std::byte> to) noexcept {
  std::lock_guard const lock{mutex_};
  if (!failure_.empty() || ended_) return 0;
  ERR_clear_error();
  std::size_t got = 0;
  auto const result = SSL_read_ex(connection_.get(), to.data(), to.size(), &got);
  if (!open_ && SSL_is_init_finished(connection_.get()) == 1) {
    unsigned char const* agreed = nullptr;
    unsigned agreed_size = 0;
    SSL_get0_alpn_selected(connection_.get(), &agreed, &agreed_size);
    open_ = std::string_view(reinterpret_cast<char const*>(agreed), agreed_size) == TlsContext::protocol;
    if (!open_) failure_ = "TLS: " + words_for(SSL_R_NO_APPLICATION_PROTOCOL);
    if (!open_) return 0;
  }
  if (result == 1) return got;
  note(result);
  input_ = {};  // used up, or nothing of it is looked at any more
  return 0;
}

// With the lock held, after a call that did not give what it should. False: it has failed.
bool TlsChannel::note(int result) noexcept {
  switch (SSL_get_error(connection_.get(), result)) {
    case SSL_ERROR_WANT_READ: return true;
    case SSL_ERROR_ZERO_RETURN: return ended_ = true;
    default: break;
  }
  auto const reason = ERR_GET_REASON(ERR_peek_last_error());
  auto const in_openssl = openssl_errors();
  auto words = !refused_.empty() ? refused_ : words_for(reason);
  if (words.empty())
    words = fmt::format("{} ({})", open_ ? "what came is no record of the peer" : "the handshake failed", in_openssl);
  failure_ = "TLS: " + words;
  return false;
}

Digest TlsChannel::binding() {
  std::lock_guard const lock{mutex_};
  Digest exported{};
  SSL_export_keying_material(connection_.get(), reinterpret_cast<unsigned char*>(exported.data()), exported.size(),
                             binding_label.data(), binding_label.size(), nullptr, 0, 0);
  return exported;
}

// The peer may have got what was taken over before something failed: the failure is told by the next call then, as it is by a
// socket.
ssize_t TlsChannel::write(int socket, std::span<iovec const> parts) noexcept {
  Gatherer from{parts};
  std::size_t taken = 0;
  auto const failed = [&](ssize_t error) { return taken != 0 ? static_cast<ssize_t>(taken) : error; };
  for (;;) {
    if (!has_unsent() && !encrypt(from, taken)) return failed(-EPROTO);
    if (!has_unsent()) return static_cast<ssize_t>(taken);
    auto const sent = send_now(socket, sending_.view().subspan(sent_));
    if (sent < 0) return failed(sent);
    sent_ += static_cast<std::size_t>(sent);
    if (has_unsent()) return static_cast<ssize_t>(taken);
    BlockPool::give_back(std::move(sending_));
    sent_ = 0;
  }
}

// At most a block of it. What the handshake and the reader had to say goes first.
bool TlsChannel::encrypt(Gatherer& from, std::size_t& taken) {
  std::lock_guard const lock{mutex_};
  if (failure_.empty()) {
    ERR_clear_error();
    while (!from.empty() && output_.size() + record_bytes_max + record_overhead_max <= BlockPool::block_bytes) {
      auto const piece = from.next();
      if (records_ == context_->settings().records_per_key) {
        SSL_key_update(connection_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
        records_ = 0;
      }
      std::size_t written = 0;
      auto const result = SSL_write_ex(connection_.get(), piece.data(), piece.size(), &written);
      if (result != 1) {
        if (note(result)) failure_ = "TLS: the peer left a message of TLS unfinished";
        break;
      }
      ++records_;
      taken += written;
    }
  }
  std::swap(sending_, output_);
  return failure_.empty() || has_unsent();
}

void TlsChannel::end(int socket) noexcept {
  if (has_unsent()) return;
  {
    std::lock_guard const lock{mutex_};
    if (!failure_.empty() || !open_) return;
    ERR_clear_error();
    SSL_shutdown(connection_.get());
  }
  write(socket, {});
}

std::string TlsChannel::failure() const {
  std::lock_guard const lock{mutex_};
  return failure_;
}

}  // namespace corps::net
