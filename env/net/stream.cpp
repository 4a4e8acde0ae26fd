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

constexpr int shm_reads_per_turn_max = 4;                           // then other connections have their turn
constexpr std::size_t read_bytes_per_turn = 4 * read_buffer_bytes;  // the same; a read that is begun goes beyond
constexpr std::size_t read_behind_large_bytes = std::size_t{4} << 10;
constexpr int writes_per_turn_max = 8;  // by a thread that wanted to send one frame; then the I/O thread goes on
constexpr std::size_t pieces_max = 64;  // of one system call
// What a turn has gathered leaves by itself after one to two looks. Looking begins with the first of it, and ends when there was
// nothing for a while.
constexpr std::chrono::microseconds look_interval{250};
constexpr int quiet_looks_max = 8;
constexpr std::size_t record_content_bytes_max = std::size_t{16} << 10;  // of TLS

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

/// Into the first as much as it has room for, and the rest into the second. Bytes received, 0 at the end, or -1.
ssize_t receive_now(int fd, std::span<std::byte> first, std::span<std::byte> second) noexcept {
  if (first.empty()) return ::recv(fd, second.data(), second.size(), MSG_DONTWAIT);
  std::array<iovec, 2> parts{{{first.data(), first.size()}, {second.data(), second.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::recvmsg(fd, &message, MSG_DONTWAIT);
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

Carrier::~Carrier() = default;

Stream::Stream(Reactor& reactor, Owner& owner, NetSettings const& settings, Peer peer, host::UniqueFd fd,
               std::unique_ptr<ShmLink> shm, std::unique_ptr<TlsChannel> tls)
    : Carrier(peer),
      reactor_(reactor),
      owner_(owner),
      linger_limit_(settings.linger_limit),
      fd_(fd.get()),
      shm_(std::move(shm)),
      reader_(Phase::established, settings.frame_bytes_max),
      tls_(std::move(tls)) {
  linger_.emplace(reactor);
  look_timer_.emplace(reactor);
  descriptor_.emplace(
      reactor, std::move(fd), [this] { shm_ ? on_socket_beside_shm() : on_readable(); }, [this] { on_writable(); });
  if (shm_)
    bell_.emplace(
        reactor, std::move(shm_->bell()), [this] { on_bell(); }, *shm_);
}

void Stream::start(std::span<std::byte const> received) {
  if (shm_) {
    descriptor_->arm_read();
    if (received.empty()) return on_bell();
    return finish("bytes beside the shared memory", Ending::final, true);
  }
  if (take(received)) descriptor_->arm_read();
}

// Reading: on the I/O thread.

void Stream::on_readable() {
  auto const self = shared_from_this();
  auto const buffer = owner_.read_buffer();
  for (std::size_t bytes = 0; bytes < read_bytes_per_turn;) {
    // What belongs to a large frame goes where it will stay, and with it not much of what follows, which is copied.
    auto const room = tls_ ? std::span<std::byte>{} : reader_.room();
    auto const behind = room.empty() ? buffer : buffer.first(read_behind_large_bytes);
    ssize_t const got = receive_now(fd_, room, behind);
    if (got > 0) {
      auto const size = static_cast<std::size_t>(got);
      auto const filled = std::min(size, room.size());
      bytes += size;
      if (pulse_) pulse_->hear();
      if (filled != 0) reader_.filled(filled);
      auto const rest = behind.first(size - filled);
      if (tls_ ? !take_records(rest) : !take(rest)) return;
      if (size < room.size() + behind.size()) break;  // all there was
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

// Reading from shared memory.

void Stream::on_bell() {
  auto const self = shared_from_this();
  if (finished_) return;
  {
    Lock lock(mutex_);
    if (std::exchange(waits_for_bell_, false)) {
      if (mode_ == Mode::closing) linger();  // the peer takes bytes
      write(lock);
    }
  }
  read_shm(shm_reads_per_turn_max);
}

bool Stream::read_shm(int turns_max) {
  auto const buffer = owner_.read_buffer();
  for (int turn = 0; turn < turns_max; ++turn) {
    auto const room = reader_.room();
    auto const size = shm_->read(room.empty() ? buffer : room);
    if (size != 0) {
      if (!room.empty()) reader_.filled(size);
      if (!take(room.empty() ? buffer.first(size) : buffer.first(0))) return false;
    } else if (!shm_->read_failure().empty()) {
      finish(std::string(shm_->read_failure()), shm_->is_damaged() ? Ending::cut : Ending::final, true);
      return false;
    } else {
      bell_->arm_read();
      return true;
    }
  }
  reactor_.post([self = shared_from_this()] { self->on_bell(); });
  return true;
}

// The peer has ended: what it wrote before is all there. It can only be alive and write on if it means harm.
void Stream::on_socket_beside_shm() {
  auto const self = shared_from_this();
  std::byte byte{};
  ssize_t const got = ::recv(fd_, &byte, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return descriptor_->arm_read();
  if (got > 0) return finish("bytes beside the shared memory", Ending::final, true);
  int const error = got < 0 ? errno : 0;
  if (!read_shm(shm_reads_per_turn_max)) return;
  if (error != 0) return finish(errno_text(error));
  finish(reader_.in_frame() ? "connection closed by peer in the middle of a frame" : "connection closed by peer");
}

// Bytes that are no records of the peer may be anybody's who can write into the connection: that breaks it, no more.
bool Stream::take_records(std::span<std::byte const> bytes) {
  std::array<std::byte, read_buffer_bytes + record_content_bytes_max> content;  // of all of it, and of a record begun before
  std::size_t size = 0;
  tls_->feed(bytes);
  while (auto const got = tls_->read(std::span(content).subspan(size))) size += got;
  if (size != 0 && !take(std::span(content).first(size))) return false;
  if (auto why = tls_->failure(); !why.empty()) {
    finish(std::move(why), Ending::cut, true);
  } else if (tls_->has_ended()) {
    finish(reader_.in_frame() ? "connection closed by peer in the middle of a frame" : "connection closed by peer");
  }
  return !finished_;
}

bool Stream::take(std::span<std::byte const> bytes) {
  std::array<Frame, frames_at_once_max> frames;
  while (!finished_) {
    std::size_t count = 0;
    std::optional<Frame> frame;
    while (count < frames.size() && (frame = reader_.next(bytes)) && frame->kind != FrameKind::goodbye) {
      frames[count++] = *frame;
      if (frame->memory != nullptr) break;  // the reader's next one would take its place
    }
    if (count != 0) {
      if (is_closed()) return false;  // finish() is on its way
      owner_.on_frames(*this, std::span(frames).first(count));
    }
    if (frame && frame->kind == FrameKind::goodbye) {
      finish("peer said goodbye: " + goodbye_text(frame->payload), Ending::final);
      return false;
    }
    if (!frame) break;
  }
  if (!finished_ && !reader_.failure().empty()) finish(std::string(reader_.failure()), Ending::final, true);
  return !finished_;
}

// Writing: on any thread.

void Stream::attach(Outbox& outbox) {
  Lock const lock(mutex_);
  outbox_ = &outbox;
}

void Stream::flush() {
  Lock lock(mutex_);
  if (!writing_ && outbox_ != nullptr && (mode_ == Mode::open || mode_ == Mode::closing)) write(lock);
}

// Whoever finds that nobody looks any more begins to; who ends looking says so first, and then looks once more.
void Stream::flush_in_time() {
  busy_.store(true, std::memory_order_relaxed);
  if (flush_in_time_again() || looks_.exchange(true, std::memory_order_seq_cst)) return;
  reactor_.post([self = shared_from_this()] { self->look_later(); });
}

// For each frame, whatever was sent before it. Where a flush is owed already, the one that takes it over flushes after that, this
// frame as well.
bool Stream::flush_in_time_again() {
  if (!owes_flush_.load(std::memory_order_seq_cst)) owes_flush_.store(true, std::memory_order_seq_cst);
  return looks_.load(std::memory_order_seq_cst);
}

void Stream::look_later() {
  if (!finished_) look_timer_->start(look_interval, [self = shared_from_this()] { self->look(); });
}

void Stream::look() {
  if (owes_flush_.exchange(false, std::memory_order_seq_cst)) flush();
  if (busy_.exchange(false, std::memory_order_relaxed)) {
    quiet_looks_ = 0;
  } else if (++quiet_looks_ == quiet_looks_max) {
    quiet_looks_ = 0;
    looks_.store(false, std::memory_order_seq_cst);
    if (!owes_flush_.load(std::memory_order_seq_cst) || looks_.exchange(true, std::memory_order_seq_cst)) return;
  }
  look_later();
}

bool Stream::is_open() const {
  Lock const lock(mutex_);
  return mode_ == Mode::open;
}

CarrierSeen Stream::seen() const {
  Lock const lock(mutex_);
  if (mode_ == Mode::closed) return {};
  auto const* const kind = shm_ ? "shm" : tls_ ? "tls" : is_unix(fd_) ? "unix" : "tcp";
  return {kind, far_endpoint(fd_, tls_ != nullptr).text, process_at(fd_), heard_ns_};
}

void Stream::watch(Pulse pulse) {
  pulse_ = pulse;
  Lock const lock(mutex_);
  heard_ns_ = pulse_->heard_ns();
}

std::optional<std::chrono::nanoseconds> Stream::beat(std::uint64_t now_ns) {
  auto const silence = pulse_->beat(now_ns);
  Lock const lock(mutex_);
  heard_ns_ = pulse_->heard_ns();
  return silence;
}

bool Stream::is_closed() const {
  Lock const lock(mutex_);
  return mode_ == Mode::closed;
}

std::size_t Stream::next_pieces(std::span<Piece> pieces) {
  if (mode_ != Mode::open && mode_ != Mode::closing) return 0;
  if (!outbox_is_done_ && outbox_ != nullptr) {
    auto const count = outbox_->offer(*this, pieces);
    if (count != 0) return count;
  }
  if (mode_ == Mode::open) return 0;
  outbox_is_done_ = true;
  pieces[0] = goodbye_frame_;
  return 1;
}

// Of what was taken from the outbox, which TLS holds when the socket does not take it.
bool Stream::has_unsent() const noexcept { return tls_ && (mode_ == Mode::open || mode_ == Mode::closing) && tls_->has_unsent(); }

// The caller is the writer until all is written, the socket is full, or it has written for long enough; then the I/O thread is.
void Stream::write(Lock& lock) {
  writing_ = true;
  for (int turn = 0; turn < writes_per_turn_max; ++turn) {
    std::array<Piece, pieces_max> pieces;
    auto const count = next_pieces(pieces);
    if (count == 0 && !has_unsent()) {
      writing_ = false;
      return;
    }
    auto const goodbye = outbox_is_done_;
    in_system_call_ = true;
    lock.unlock();
    std::array<iovec, pieces_max> parts;
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
      offered += pieces[i].size();
    }
    ssize_t const sent = write_now(std::span(parts).first(count));
    auto const taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    if (!goodbye && count != 0) outbox_->taken(*this, taken);
    lock.lock();
    in_system_call_ = false;
    if (hand_over_for_release()) return;
    if (sent < 0) return write_failed(static_cast<int>(-sent));
    if (goodbye) goodbye_frame_.erase(goodbye_frame_.begin(), goodbye_frame_.begin() + sent);
    if (taken < offered && shm_) {
      // Asked for with the lock held: the bell is not heard before the lock is free.
      waits_for_bell_ = shm_->wait_for_room();
      if (waits_for_bell_) return;
      continue;
    }
    if (taken < offered || has_unsent()) break;
    if (goodbye) {
      writing_ = false;
      mode_ = Mode::said;
      if (tls_) tls_->end(fd_);
      ::shutdown(fd_, SHUT_WR);
      return;
    }
  }
  reactor_.post([self = shared_from_this()] {
    if (self->shm_) return self->on_writable();
    if (self->descriptor_) self->descriptor_->arm_write();
  });
}

ssize_t Stream::write_now(std::span<iovec> parts) noexcept {
  if (tls_) return tls_->write(fd_, parts);
  if (!shm_) return send_now(fd_, parts);
  auto const taken = shm_->write(parts);
  if (taken == 0 && !shm_->write_failure().empty()) return -EPROTO;
  return static_cast<ssize_t>(taken);
}

void Stream::on_writable() {
  auto const self = shared_from_this();
  Lock lock(mutex_);
  if (mode_ == Mode::closing) linger();  // the peer takes bytes
  write(lock);
}

// What the peer sent before it went is worth more than the failure to write: the reader goes on and finds the end by itself.
void Stream::write_failed(int error) {
  mode_ = Mode::broken;
  writing_ = false;
  reactor_.post([self = shared_from_this(), error] {
    if (error == EPROTO && self->shm_) return self->finish(std::string(self->shm_->write_failure()), Ending::final, true);
    if (error == EPROTO && self->tls_) return self->finish(self->tls_->failure(), Ending::cut, true);
    if (!self->finished_) self->linger_->start(self->linger_limit_, [self, error] { self->finish(errno_text(error)); });
  });
}

// After a system call: the connection may have ended meanwhile, and waits for this thread to let go of the socket.
bool Stream::hand_over_for_release() {
  if (!release_wanted_) return false;
  reactor_.post([self = shared_from_this()] { self->release(); });
  return true;
}

// Closing.

void Stream::close(std::string reason, Ending ending) {
  Lock const lock(mutex_);
  if (mode_ == Mode::closed) return;
  mode_ = Mode::closed;
  reactor_.post(
      [self = shared_from_this(), reason = std::move(reason), ending]() mutable { self->finish(std::move(reason), ending); });
}

void Stream::flush_and_close(std::string reason) {
  Lock lock(mutex_);
  if (mode_ != Mode::open) return;
  mode_ = Mode::closing;
  goodbye_ = std::move(reason);
  auto const text = std::as_bytes(std::span(goodbye_)).first(std::min(goodbye_.size(), goodbye_bytes_max));
  auto const header = frame_header(FrameKind::goodbye, text.size());
  goodbye_frame_.assign(header.begin(), header.end());
  goodbye_frame_.insert(goodbye_frame_.end(), text.begin(), text.end());
  reactor_.post([self = shared_from_this()] { self->linger(); });
  if (!writing_) write(lock);
}

// Closes if from now on nothing happens for linger_limit.
void Stream::linger() {
  if (!finished_) linger_->start(linger_limit_, [self = shared_from_this()] { self->finish(self->goodbye_, Ending::final); });
}

// On the I/O thread. The socket itself is closed when no thread is inside a system call with it: its number must not be
// given to another connection before.
void Stream::finish(std::string reason, Ending ending, bool fault) {
  if (finished_) return;
  finished_ = true;
  linger_->cancel();
  look_timer_->cancel();
  auto const self = shared_from_this();
  bool release_now = false;
  {
    Lock const lock(mutex_);
    if (mode_ == Mode::closing || mode_ == Mode::said) {
      reason = goodbye_;
      ending = Ending::final;
    }
    mode_ = Mode::closed;
    release_wanted_ = true;
    release_now = !in_system_call_;
    ::shutdown(fd_, SHUT_RDWR);
  }
  owner_.on_closed(*this, reason, ending, fault);
  if (release_now) release();
}

void Stream::release() {
  if (!descriptor_) return;
  descriptor_.reset();
  bell_.reset();
  shm_.reset();
  tls_.reset();
  linger_.reset();
  look_timer_.reset();
  owner_.on_released(*this);
}

}  // namespace corps::net
