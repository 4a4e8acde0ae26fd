#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/hmac.hpp"
#include "env/net/internal/tls.hpp"

namespace corps::net {

enum class TlsRole : std::uint8_t { client, server };

/// One connection over TLS: bytes of the socket in, bytes of the peer out, and the other way round.
/// What is to be sent is gathered into records of up to 16 KiB and written to the socket by whoever has something to send; it
/// holds at most 64 KiB that the socket has not taken.
/// Threads: one at a time reads, one at a time writes; they may be two.
class TlsChannel {
 public:
  TlsChannel(std::shared_ptr<TlsContext const> context, TlsRole role);
  TlsChannel(TlsChannel const&) = delete;
  TlsChannel& operator=(TlsChannel const&) = delete;
  ~TlsChannel();

  // The reader.

  /// What the socket gave. It is looked at until read() returns 0, and must stay until then.
  void feed(std::span<std::byte const> received) noexcept;
  /// What the peer said next. 0: all that was fed is used up, or nothing follows: has_ended(), failure(). Goes on with the
  /// handshake, for which there may be something to write.
  std::size_t read(std::span<std::byte> to) noexcept;
  /// The handshake is done: this side has checked the certificate of the peer. A server has checked that of its client when it
  /// says anything; so a client knows that its own was accepted when it has read something.
  bool is_open() const noexcept { return open_; }
  /// The peer has said that nothing follows.
  bool has_ended() const noexcept { return ended_; }
  /// Known to the two ends of this connection only (RFC 9266): what is proved together with it is proved of this connection. Once
  /// it is open.
  Digest binding();

  // The writer.

  /// Writes to the socket what it had not taken before, then these parts, in order. Returns how many bytes of them it has taken
  /// over; if not all, or if has_unsent(), the socket takes no more now. -errno if the socket has failed, -EPROTO: failure().
  ssize_t write(int socket, std::span<iovec const> parts) noexcept;
  bool has_unsent() const noexcept { return sent_ < sending_.size(); }
  /// Tells the peer that nothing follows, if the socket takes it at once.
  void end(int socket) noexcept;

  /// Why nothing can be read or written any more: the peer, or what was made of its bytes. Empty: it is well.
  std::string failure() const;

 private:
  struct Free {
    void operator()(ssl_st* connection) const noexcept;
  };
  struct Hooks;  // what OpenSSL calls
  class Gatherer;

  bool encrypt(Gatherer& from, std::size_t& taken);
  bool note(int result) noexcept;

  std::shared_ptr<TlsContext const> const context_;
  TlsRole const role_;

  // The reader's.
  bool open_ = false;
  bool ended_ = false;

  // The writer's: one run of records, of which the socket has taken `sent_` bytes.
  detail::ByteBuffer sending_;
  std::size_t sent_ = 0;

  mutable std::mutex mutex_;  // of what follows: OpenSSL's connections are for one thread at a time
  std::unique_ptr<ssl_st, Free> connection_;
  std::span<std::byte const> input_;  // which the writer takes from too, where the peer has begun a message of TLS itself
  detail::ByteBuffer output_;         // records that are not in `sending_` yet
  std::uint64_t records_ = 0;         // written with the key in use
  std::string refused_;               // what is wrong with the certificate of the peer
  std::string failure_;
};

}  // namespace corps::net
