#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "env/net/internal/endpoint.hpp"
#include "env/net/internal/frame_queue.hpp"
#include "env/net/internal/gathering.hpp"
#include "env/net/internal/handshake.hpp"
#include "env/net/internal/network.hpp"
#include "test/unit/net_frame_kit.hpp"

namespace corps::net::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  auto const bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
inline std::string text_of(std::span<std::byte const> bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}
inline std::span<std::byte const> view(std::string_view text) { return std::as_bytes(std::span(text)); }

inline Identity identity_of(corps::EnvId env, std::uint32_t epoch = 1) {
  // Another Corps id in each process: tests run at the same time.
  Identity identity;
  auto const pid = static_cast<std::uint32_t>(::getpid());
  put_number(identity.corps_id.data(), pid);
  identity.corps_id[15] = std::byte{0xc0};
  identity.secret.fill(std::byte{0x5e});
  identity.self = {env, epoch};
  return identity;
}

enum class SendResult : std::uint8_t { sent, closed };
enum class Flush : std::uint8_t { now, later };

/// As what is sent in a turn leaves.
inline void depart(std::shared_ptr<Carrier> const& carrier) {
  Gathering::Departure departure;
  departure.by(carrier);
  departure.go();
}

/// A carrier and a queue of frames for it.
class Connection final : public Outbox {
 public:
  explicit Connection(std::shared_ptr<Carrier> carrier) : carrier_(std::move(carrier)) {}

  Peer peer() const { return carrier_->peer(); }
  SendResult send(FrameKind kind, std::span<std::byte const> head, std::span<std::byte const> body = {},
                  Flush when = Flush::now) {
    if (!carrier_->is_open()) return SendResult::closed;
    auto frame = frame_with_room();
    frame.append(head.data(), head.size());
    frame.append(body.data(), body.size());
    {
      std::lock_guard const lock(mutex_);
      queue_.push(kind, 0, frame);
    }
    if (when == Flush::now) carrier_->flush();
    return carrier_->is_open() ? SendResult::sent : SendResult::closed;
  }
  bool is_open() const { return carrier_->is_open(); }
  void flush() { carrier_->flush(); }
  void flush_in_time() { carrier_->flush_in_time(); }
  void gather() { depart(carrier_); }
  std::size_t queued_bytes() const {
    std::lock_guard const lock(mutex_);
    return queue_.unsent_bytes();
  }
  void close(std::string reason) { carrier_->close(std::move(reason)); }
  void flush_and_close(std::string reason) { carrier_->flush_and_close(std::move(reason)); }

  std::size_t offer(Carrier&, std::span<Piece> pieces) noexcept override {
    std::lock_guard const lock(mutex_);
    std::size_t frames = 0;
    auto const count = queue_.offer(pieces, frames);
    if (count != 0) queue_.hold();
    return count;
  }
  void taken(Carrier&, std::size_t bytes) noexcept override {
    std::lock_guard const lock(mutex_);
    queue_.taken(bytes);
    queue_.give_back();
    queue_.release_sent();
  }

 private:
  std::shared_ptr<Carrier> carrier_;
  mutable std::mutex mutex_;
  FrameQueue queue_;
};

/// One Network and all it told, with waiting for it.
class Node : public Events {
 public:
  struct Received {
    Connection* connection;
    FrameKind kind;
    std::string payload;
  };

  explicit Node(Identity identity, NetSettings settings = {})
      : identity_(identity), network(identity, settings, *this, [this](std::string_view line) { note_line(line); }) {
    network.start();
  }

  /// Listens on a Unix endpoint that no other has, or had: on a busy machine one may not be closed yet.
  Endpoint listen() {
    static std::atomic<std::uint32_t> count{0};
    auto unique = identity_.corps_id;
    put_number(unique.data() + sizeof(std::uint32_t), ++count);
    return network.listen({unix_endpoint(unique, identity_.self)}).at(0);
  }
  Peer self() const { return identity_.self; }

  /// Waits until `condition`, called with the lock held, is true. False: not within 5 seconds.
  bool wait(std::function<bool()> const& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(5), condition);
  }
  /// The `nth` connection that was opened.
  std::shared_ptr<Connection> opened(std::size_t nth = 0) {
    wait([&] { return connections.size() > nth; });
    std::lock_guard const lock(mutex);
    return connections.size() > nth ? connections[nth] : nullptr;
  }

  bool admit(Peer const& peer) override { return admits(peer); }
  void on_open(std::shared_ptr<Carrier> carrier, bool was_dialed) override {
    auto connection = std::make_shared<Connection>(carrier);
    carrier->set_user_data(reinterpret_cast<std::uintptr_t>(connection.get()));
    carrier->attach(*connection);
    std::lock_guard const lock(mutex);
    connections.push_back(std::move(connection));
    dialed.push_back(was_dialed);
    changed.notify_all();
  }
  void on_frame(Carrier& carrier, Frame const& frame) override {
    auto* const connection = reinterpret_cast<Connection*>(carrier.user_data());
    if (answers && frame.kind == FrameKind::request) connection->send(FrameKind::answer, frame.payload);
    std::lock_guard const lock(mutex);
    frames.push_back({connection, frame.kind, text_of(frame.payload)});
    changed.notify_all();
  }
  void on_beat(Carrier& carrier) override {
    if (beats) reinterpret_cast<Connection*>(carrier.user_data())->send(FrameKind::control, view("beat"));
  }
  void on_closed(Carrier& carrier, std::string_view reason, Ending ending) override {
    std::lock_guard const lock(mutex);
    closed.emplace_back(reinterpret_cast<Connection*>(carrier.user_data()), reason);
    endings.push_back(ending);
    changed.notify_all();
  }
  void on_dial_failed(Peer const& expected, std::string_view reason, bool refused_as_duplicate) override {
    std::lock_guard const lock(mutex);
    failed_dials.push_back({expected, std::string(reason), refused_as_duplicate});
    changed.notify_all();
  }

  struct FailedDial {
    Peer expected;
    std::string reason;
    bool duplicate;
  };

  std::function<bool(Peer const&)> admits = [](Peer const&) { return true; };
  std::atomic<bool> answers = false;  // echoes requests
  std::atomic<bool> beats = true;     // gives signs of life when it is time to

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::shared_ptr<Connection>> connections;
  std::vector<bool> dialed;
  std::vector<Received> frames;
  std::vector<std::pair<Connection*, std::string>> closed;
  std::vector<Ending> endings;  // of those
  std::vector<FailedDial> failed_dials;
  std::vector<std::string> lines;

 private:
  void note_line(std::string_view line) {
    std::lock_guard const lock(mutex);
    lines.emplace_back(line);
    changed.notify_all();
  }

  Identity identity_;

 public:
  Network network;  // last: it calls the above until it is gone
};

/// A plain blocking socket, for saying what no Network would say.
class RawSocket {
 public:
  explicit RawSocket(Endpoint const& endpoint) {
    auto result = connect_to(endpoint);
    if (auto* connecting = std::get_if<Connecting>(&result)) fd_ = std::move(connecting->fd);
    set_up();
  }
  explicit RawSocket(host::UniqueFd fd) : fd_(std::move(fd)) { set_up(); }

  explicit operator bool() const { return static_cast<bool>(fd_); }

  bool send(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
      auto const sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Exactly `count` bytes, or what came before the end.
  Bytes read(std::size_t count) {
    Bytes got(count);
    std::size_t size = 0;
    while (size < count) {
      auto const more = ::recv(fd_.get(), got.data() + size, count - size, 0);
      if (more <= 0) break;
      size += static_cast<std::size_t>(more);
    }
    got.resize(size);
    return got;
  }
  /// All until the other side closes; nothing if it does not within `limit`.
  std::optional<Bytes> read_to_end(std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    timeval const time{static_cast<time_t>(limit.count() / 1000), static_cast<suseconds_t>(limit.count() % 1000 * 1000)};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    Bytes all;
    std::array<std::byte, 4096> part;
    for (;;) {
      auto const got = ::recv(fd_.get(), part.data(), part.size(), 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return all;
      if (got < 0) return std::nullopt;
      all.insert(all.end(), part.begin(), part.begin() + got);
    }
  }
  void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  void set_up() {
    if (!fd_) return;
    int const flags = ::fcntl(fd_.get(), F_GETFL);
    ::fcntl(fd_.get(), F_SETFL, flags & ~O_NONBLOCK);
    timeval const time{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
  }

  host::UniqueFd fd_;
};

/// Proves by hand, over `socket`, to be `identity`. False: the other side did not accept.
inline bool authenticate(RawSocket& socket, Identity const& identity, Peer expected) {
  auto client = Handshake::client(identity, expected, host::Random::system());
  for (;;) {
    if (!socket.send(client.output())) return false;
    if (client.state() == Handshake::State::established) return true;
    auto const got = socket.read(1);
    std::span<std::byte const> bytes = got;
    if (got.empty() || client.feed(bytes) == Handshake::State::failed) return false;
  }
}

inline Bytes frame_bytes(std::uint32_t length, std::uint8_t kind, std::span<std::byte const> payload, std::uint8_t flags = 0,
                         std::uint16_t reserved = 0) {
  Bytes bytes(header_bytes + payload.size());
  put_number(bytes.data(), length);
  bytes[4] = std::byte{kind};
  bytes[5] = std::byte{flags};
  put_number(bytes.data() + 6, reserved);
  std::ranges::copy(payload, bytes.begin() + header_bytes);
  return bytes;
}
inline Bytes frame_bytes(FrameKind kind, std::span<std::byte const> payload) {
  return frame_bytes(static_cast<std::uint32_t>(payload.size()), static_cast<std::uint8_t>(kind), payload);
}

}  // namespace corps::net::test
