#include "env/net/internal/opening.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

Opening::Opening(Reactor& reactor, Owner& owner, Handshake handshake, host::UniqueFd fd, std::uint64_t started_ns)
    : owner_(owner), handshake_(std::move(handshake)), remote_(remote_text(fd.get())), started_ns_(started_ns) {
  limit_.emplace(reactor);
  descriptor_.emplace(
      reactor, std::move(fd), [this] { on_readable(); }, [this] { on_connected(); });
}

void Opening::start_dialed(std::chrono::nanoseconds limit) {
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
  if (send_output()) descriptor_->arm_read();
}

void Opening::on_readable() {
  auto const self = shared_from_this();
  auto const buffer = owner_.read_buffer();
  ssize_t const got = ::recv(descriptor_->fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got == 0) return fail("connection closed by peer before the handshake was done");
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return fail(errno_text(errno));
    return descriptor_->arm_read();
  }
  std::span<std::byte const> bytes = buffer.first(static_cast<std::size_t>(got));
  handshake_.feed(bytes);
  go_on(bytes);
}

void Opening::go_on(std::span<std::byte const> rest) {
  if (handshake_.state() == Handshake::State::proved) handshake_.admit(owner_.admit(handshake_.peer()));
  if (!descriptor_) return;  // admit() ended it
  bool const failed = handshake_.state() == Handshake::State::failed;
  if (!send_output() && !failed) return;
  if (failed) return fail(handshake_.reason());
  if (handshake_.state() != Handshake::State::established) return descriptor_->arm_read();
  auto fd = descriptor_->release();
  descriptor_.reset();
  limit_.reset();
  owner_.on_opened(*this, std::move(fd), rest);
}

// A few dozen bytes into a socket that holds nothing yet: one that does not take them is not worth waiting for.
bool Opening::send_output() {
  auto const bytes = handshake_.output();
  if (bytes.empty()) return true;
  ssize_t const sent = ::send(descriptor_->fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return true;
  if (handshake_.state() != Handshake::State::failed) {
    fail(sent < 0 ? errno_text(errno) : "the socket did not take the handshake");
  }
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
