#include "env/net/internal/opening.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

namespace {

// Room for one message of descriptors more than a peer sends: what is too much is seen, and closed.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int) * (shm_descriptors + 1))> bytes;
};

}  // namespace

Opening::Opening(Reactor& reactor, Owner& owner, Handshake handshake, host::UniqueFd fd, std::uint64_t started_ns, ShmUse shm_use,
                 std::unique_ptr<TlsChannel> tls)
    : owner_(owner),
      handshake_(std::move(handshake)),
      remote_(remote_text(fd.get())),
      started_ns_(started_ns),
      shm_use_(is_unix(fd.get()) ? shm_use : ShmUse::never),
      tls_(std::move(tls)) {
  limit_.emplace(reactor);
  descriptor_.emplace(
      reactor, std::move(fd), [this] { on_readable(); }, [this] { on_connected(); });
}

void Opening::start_dialed(std::chrono::nanoseconds limit) {
  dialed_ = true;
  start_limit(limit);
  descriptor_->arm_write();
}

void Opening::start_accepted(std::chrono::nanoseconds limit) {
  start_limit(limit);
  descriptor_->arm_read();
}

void Opening::start_limit(std::chrono::nanoseconds limit) {
  auto const limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  limit_->start(limit, [self = shared_from_this(), limit_ms] {
    self->fail("not connected, or the handshake not done, after " + std::to_string(limit_ms) + " ms");
  });
}

void Opening::on_connected() {
  auto const self = shared_from_this();
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(descriptor_->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(errno_text(error));
  if (tls_) tls_->read({});  // there is what begins it to be sent
  if (send_output()) descriptor_->arm_read();
}

void Opening::on_readable() {
  auto const self = shared_from_this();
  auto const buffer = owner_.read_buffer();
  ssize_t const got = receive(buffer);
  if (!descriptor_) return;
  if (got == 0) return fail(closed_text(0));
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return fail(closed_text(errno));
    return descriptor_->arm_read();
  }
  std::span<std::byte const> bytes = buffer.first(static_cast<std::size_t>(got));
  if (tls_ && !take_records(bytes)) return;
  handshake_.feed(bytes);
  go_on(bytes);
}

// Puts the content of what came in its place. False: it failed; what OpenSSL has to say of that to the peer is sent.
bool Opening::take_records(std::span<std::byte const>& bytes) {
  bool const was_open = tls_->is_open();
  tls_->feed(bytes);
  content_.clear();
  std::array<std::byte, 4096> part;
  while (auto const got = tls_->read(part)) content_.insert(content_.end(), part.begin(), part.begin() + std::ptrdiff_t(got));
  if (auto const why = tls_->failure(); !why.empty()) {
    tls_->write(descriptor_->fd(), {});
    fail(why);
    return false;
  }
  if (!was_open && tls_->is_open()) handshake_.bind(tls_->binding());
  bytes = content_;
  if (!tls_->has_ended() || !content_.empty()) return true;
  fail(closed_text(0));
  return false;
}

std::string Opening::closed_text(int error) const {
  if (tls_ && !tls_->is_open() && (error == 0 || error == ECONNRESET || error == EPIPE))
    return "TLS: connection closed by peer before the handshake was done; if it stays so, see its log, and whether it has "
           "net.tls_ca";
  return error == 0 ? "connection closed by peer before the handshake was done" : errno_text(error);
}

void Opening::go_on(std::span<std::byte const> rest) {
  if (handshake_.state() == Handshake::State::proved) {
    handshake_.admit(owner_.admit(handshake_.peer()));
    if (!descriptor_) return;  // admit() ended it
  }
  // The client gives its half with its proof, and the server, if it takes it, its own with the word that the client may enter.
  auto const state = handshake_.state();
  if (dialed_ ? state == Handshake::State::going && !shm_ : state == Handshake::State::established && has_of_peer_) {
    if (!offer_shm()) return;
  }
  if (state == Handshake::State::established && !take_shm()) return;
  bool const failed = handshake_.state() == Handshake::State::failed;
  if (!send_output() && !failed) return;
  if (failed) return fail(handshake_.reason());
  if (handshake_.state() != Handshake::State::established) return descriptor_->arm_read();
  if (shm_) shm_->given();
  auto fd = descriptor_->release();
  descriptor_.reset();
  limit_.reset();
  owner_.on_opened(*this, std::move(fd), rest, std::move(shm_), std::move(tls_));
}

// A few dozen bytes into a socket that holds nothing yet: one that does not take them is not worth waiting for.
bool Opening::send_output() {
  if (tls_) return send_over_tls(tls_->is_open() ? handshake_.output() : std::vector<std::byte>{});
  auto const bytes = handshake_.output();
  if (bytes.empty()) return true;
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  if (std::exchange(offers_shm_, false)) {
    auto const fds = shm_->offer();
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(fds));
    control.header = {CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(CMSG_DATA(&control.header), fds.data(), sizeof(fds));
  }
  ssize_t const sent = ::sendmsg(descriptor_->fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return true;
  if (handshake_.state() != Handshake::State::failed) {
    fail(sent < 0 ? errno_text(errno) : "the socket did not take the handshake");
  }
  return false;
}

bool Opening::send_over_tls(std::span<std::byte const> bytes) {
  iovec const part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  auto const taken = tls_->write(descriptor_->fd(), std::span(&part, 1));
  if (taken == static_cast<ssize_t>(bytes.size()) && !tls_->has_unsent()) return true;
  if (handshake_.state() != Handshake::State::failed) {
    if (taken == -EPROTO)
      fail(tls_->failure());
    else
      fail(taken < 0 ? closed_text(static_cast<int>(-taken)) : "the socket did not take the handshake");
  }
  return false;
}

// As recv(). Descriptors that come are kept, or closed and the connection with them if they are none that a peer sends.
ssize_t Opening::receive(std::span<std::byte> buffer) {
  iovec part{buffer.data(), buffer.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof(control);
  ssize_t const got = ::recvmsg(descriptor_->fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got <= 0) return got;
  bool legal = (message.msg_flags & MSG_CTRUNC) == 0;
  for (auto* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    auto const count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    legal = legal && count == shm_descriptors && !has_of_peer_;
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof(int), sizeof(fd));
      host::UniqueFd taken(fd);
      if (legal && shm_use_ != ShmUse::never) of_peer_[i] = std::move(taken);
    }
    has_of_peer_ = has_of_peer_ || (legal && shm_use_ != ShmUse::never);
  }
  if (!legal) fail("descriptors came that no Env sends");
  return got;
}

// Makes this side's half, to go with what is sent next. False: it failed.
bool Opening::offer_shm() {
  if (shm_use_ == ShmUse::never) return true;
  std::string why;
  shm_ = ShmLink::make(why);
  offers_shm_ = shm_ != nullptr;
  if (offers_shm_) return true;
  if (shm_use_ == ShmUse::required) {
    fail("no shared memory: " + why);
    return false;
  }
  owner_.on_no_shm(why);
  shm_use_ = ShmUse::never;
  has_of_peer_ = false;
  of_peer_ = {};
  return true;
}

// Both sides have proved themselves. What the peer gave makes the link whole; if it gave nothing, there is none. False: it
// failed.
bool Opening::take_shm() {
  std::string why = "the peer gives none";
  if (shm_ && has_of_peer_ && shm_->meet(std::move(of_peer_), why)) return true;
  bool const bad = shm_ && has_of_peer_;
  shm_.reset();
  if (!bad && shm_use_ != ShmUse::required) return true;
  fail("no shared memory: " + why);
  return false;
}

void Opening::fail(std::string const& reason) {
  if (!descriptor_) return;
  auto const self = shared_from_this();
  descriptor_.reset();
  limit_.reset();
  owner_.on_failed(*this, reason);
}

}  // namespace corps::net
