#include "env/net/internal/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "env/net/internal/endpoint.hpp"

namespace corps::net {

namespace {

constexpr int reads_per_turn_max = 4;   // then other connections have their turn
constexpr int writes_per_turn_max = 8;  // by a thread that wanted to send one frame; then the I/O thread goes on
constexpr std::size_t flushed_unasked_bytes = std::size_t{64} << 10;  // of frames sent with Flush::later
constexpr std::size_t kept_capacity_max = std::size_t{64} << 10;

void append(std::vector<std::byte>& to, std::span<std::byte const> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void empty(std::vector<std::byte>& bytes) {
  if (bytes.capacity() > kept_capacity_max) {
    std::vector<std::byte>().swap(bytes);
  } else {
    bytes.clear();
  }
}

iovec part(std::span<std::byte const> bytes) noexcept { return {const_cast<std::byte*>(bytes.data()), bytes.size()}; }

// Bytes taken, 0 if the socket is full, or -errno.
ssize_t send_now(int fd, std::span<iovec> parts) noexcept {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (;;) {
    ssize_t const sent = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return 0;
    if (errno != EINTR) return -errno;
  }
}

// It ends up in logs: one line, whatever the peer wrote.
std::string goodbye_text(std::span<std::byte const> payload) {
  std::string text;
  for (auto const byte : payload.first(std::min(payload.size(), goodbye_bytes_max))) {
    auto const character = static_cast<unsigned char>(byte);
    text += character < ' ' || character == 0x7f ? '?' : static_cast<char>(character);
  }
  return text;
}

}  // namespace

Connection::~Connection() = default;

Stream::Stream(Reactor& reactor, Owner& owner, NetSettings const& settings, Peer peer, host::UniqueFd fd)
    : Connection(peer),
      reactor_(reactor),
      owner_(owner),
      frame_bytes_max_(settings.frame_bytes_max),
      batch_bytes_max_(settings.batch_bytes_max),
      linger_limit_(settings.linger_limit),
      fd_(fd.get()),
      reader_(Phase::established, settings.frame_bytes_max) {
  linger_.emplace(reactor);
  descriptor_.emplace(
      reactor, std::move(fd), [this] { on_readable(); }, [this] { on_writable(); });
}

void Stream::start(std::span<std::byte const> received) {
  if (take(received)) descriptor_->arm_read();
}

// Reading: on the I/O thread.

void Stream::on_readable() {
  auto const self = shared_from_this();
  auto const buffer = owner_.read_buffer();
  for (int turn = 0; turn < reads_per_turn_max; ++turn) {
    ssize_t const got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      auto const size = static_cast<std::size_t>(got);
      if (!take(buffer.first(size))) return;
      if (size < buffer.size()) break;  // all there was
    } else if (got == 0) {
      return finish(reader_.in_frame() ? "connection closed by peer in the middle of a frame" : "connection closed by peer");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return finish(errno_text(errno));
    }
  }
  descriptor_->arm_read();
}

bool Stream::take(std::span<std::byte const> bytes) {
  while (!finished_) {
    auto const frame = reader_.next(bytes);
    if (!frame) break;
    if (frame->kind == FrameKind::goodbye) {
      finish("peer said goodbye: " + goodbye_text(frame->payload));
      return false;
    }
    {
      Lock const lock(mutex_);
      if (mode_ == Mode::closed) return false;  // finish() is on its way
    }
    owner_.on_frame(*this, frame->kind, frame->payload);
  }
  if (!finished_ && !reader_.failure().empty()) finish(std::string(reader_.failure()), true);
  return !finished_;
}

// Writing: on any thread.

SendResult Stream::send(FrameKind kind, std::span<std::byte const> head, std::span<std::byte const> body, Flush flush) {
  auto const payload_size = head.size() + body.size();
  if (payload_size > frame_bytes_max_) return SendResult::too_large;
  auto const header = frame_header(kind, payload_size);
  auto const size = header.size() + payload_size;

  Lock lock(mutex_);
  if (mode_ != Mode::open) return SendResult::closed;
  auto const queued = batch_.size() + leaving_.size() - left_;
  if (queued != 0 && queued + size > batch_bytes_max_) return SendResult::full;
  if (writing_ || flush == Flush::later || !batch_.empty()) {
    append(batch_, header);
    append(batch_, head);
    append(batch_, body);
    if (!writing_ && (flush == Flush::now || batch_.size() >= flushed_unasked_bytes)) write_batch(lock);
    return SendResult::sent;
  }

  // Nothing is queued and nobody writes: straight from the caller's memory into the socket.
  writing_ = in_system_call_ = true;
  lock.unlock();
  std::array parts{part(header), part(head), part(body)};
  ssize_t const sent = send_now(fd_, parts);
  lock.lock();
  in_system_call_ = false;
  if (hand_over_for_release()) return SendResult::closed;
  if (sent < 0) {
    write_failed(static_cast<int>(-sent));
    return SendResult::closed;
  }
  auto taken = static_cast<std::size_t>(sent);
  if (taken < size) {
    for (auto const bytes : {std::span<std::byte const>(header), head, body}) {
      auto const skipped = std::min(taken, bytes.size());
      append(leaving_, bytes.subspan(skipped));
      taken -= skipped;
    }
  }
  write_batch(lock);
  return SendResult::sent;
}

void Stream::flush() {
  Lock lock(mutex_);
  if (!writing_ && mode_ == Mode::open && !batch_.empty()) write_batch(lock);
}

// The caller is the writer until all is written, the socket is full, or it has written for long enough; then the I/O thread is.
void Stream::write_batch(Lock& lock) {
  writing_ = true;
  for (int turn = 0; turn < writes_per_turn_max; ++turn) {
    if (left_ == leaving_.size()) {
      empty(leaving_);
      left_ = 0;
      leaving_.swap(batch_);
    }
    if (leaving_.empty() || mode_ == Mode::closed) {
      writing_ = false;
      if (mode_ == Mode::closing) ::shutdown(fd_, SHUT_WR);
      return;
    }
    in_system_call_ = true;
    lock.unlock();
    std::array parts{part(std::span<std::byte const>(leaving_).subspan(left_))};
    ssize_t const sent = send_now(fd_, parts);
    lock.lock();
    in_system_call_ = false;
    if (hand_over_for_release()) return;
    if (sent < 0) return write_failed(static_cast<int>(-sent));
    left_ += static_cast<std::size_t>(sent);
    if (left_ < leaving_.size()) break;
  }
  reactor_.post([self = shared_from_this()] {
    if (self->descriptor_) self->descriptor_->arm_write();
  });
}

void Stream::on_writable() {
  auto const self = shared_from_this();
  Lock lock(mutex_);
  if (mode_ == Mode::closing) linger();  // the peer takes bytes
  write_batch(lock);
}

// What the peer sent before it went is worth more than the failure to write: the reader goes on and finds the end by itself.
void Stream::write_failed(int error) {
  mode_ = Mode::broken;
  writing_ = false;
  reactor_.post([self = shared_from_this(), error] {
    if (!self->finished_) self->linger_->start(self->linger_limit_, [self, error] { self->finish(errno_text(error)); });
  });
}

// After a system call: the connection may have ended meanwhile, and waits for this thread to let go of the socket.
bool Stream::hand_over_for_release() {
  if (!release_wanted_) return false;
  reactor_.post([self = shared_from_this()] { self->release(); });
  return true;
}

std::size_t Stream::queued_bytes() const {
  Lock const lock(mutex_);
  return batch_.size() + leaving_.size() - left_;
}

// Closing.

void Stream::close(std::string reason) {
  Lock const lock(mutex_);
  if (mode_ == Mode::closed) return;
  mode_ = Mode::closed;
  reactor_.post([self = shared_from_this(), reason = std::move(reason)]() mutable { self->finish(std::move(reason)); });
}

void Stream::flush_and_close(std::string reason) {
  Lock lock(mutex_);
  if (mode_ != Mode::open) return;
  mode_ = Mode::closing;
  goodbye_ = std::move(reason);
  auto const text = std::as_bytes(std::span(goodbye_)).first(std::min(goodbye_.size(), goodbye_bytes_max));
  append(batch_, frame_header(FrameKind::goodbye, text.size()));
  append(batch_, text);
  reactor_.post([self = shared_from_this()] { self->linger(); });
  if (!writing_) write_batch(lock);
}

// Closes if from now on nothing happens for linger_limit.
void Stream::linger() {
  if (!finished_) linger_->start(linger_limit_, [self = shared_from_this()] { self->finish(self->goodbye_); });
}

// On the I/O thread. The socket itself is closed when no thread is inside a system call with it: its number must not be
// given to another connection before.
void Stream::finish(std::string reason, bool fault) {
  if (finished_) return;
  finished_ = true;
  linger_->cancel();
  auto const self = shared_from_this();
  bool release_now = false;
  {
    Lock const lock(mutex_);
    if (mode_ == Mode::closing) reason = goodbye_;
    mode_ = Mode::closed;
    release_wanted_ = true;
    release_now = !in_system_call_;
    ::shutdown(fd_, SHUT_RDWR);
  }
  owner_.on_closed(*this, reason, fault);
  if (release_now) release();
}

void Stream::release() {
  if (!descriptor_) return;
  {
    Lock const lock(mutex_);
    empty(batch_);
    empty(leaving_);
    left_ = 0;
  }
  descriptor_.reset();
  linger_.reset();
  owner_.on_released(*this);
}

}  // namespace corps::net
