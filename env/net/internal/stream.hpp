#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/net/internal/carrier.hpp"
#include "env/net/internal/frame.hpp"
#include "env/net/internal/network.hpp"
#include "env/net/internal/pulse.hpp"
#include "env/net/internal/reactor.hpp"
#include "env/net/internal/shm_link.hpp"
#include "env/net/internal/tls_channel.hpp"

namespace corps::net {

/// A carrier over a stream socket: writes what is in its outbox, cuts what is received; over TLS, if that is spoken. To an Env of
/// the same host the bytes go through shared memory, if both sides have it; then the socket carries none, and tells by its end
/// that the peer is gone.
///
/// One thread at a time is the writer: the one that found nobody writing, or the I/O thread once the socket was full. What others
/// put into the outbox meanwhile it takes next, so that many small frames leave in one system call without any timer.
class Stream final : public Carrier, public std::enable_shared_from_this<Stream> {
 public:
  /// What a stream needs of its Network. Called on the I/O thread only.
  class Owner {
   public:
    virtual std::span<std::byte> read_buffer() = 0;  // one for all streams: idle ones stay small
    virtual void on_frames(Stream& stream, std::span<Frame const> frames) = 0;
    /// `fault`: the peer sent what it may not send.
    virtual void on_closed(Stream& stream, std::string const& reason, Ending ending, bool fault) = 0;
    virtual void on_released(Stream& stream) = 0;  // the socket is closed and no thread will touch the owner again

   protected:
    ~Owner() = default;
  };

  Stream(Reactor& reactor, Owner& owner, NetSettings const& settings, Peer peer, host::UniqueFd fd,
         std::unique_ptr<ShmLink> shm = nullptr, std::unique_ptr<TlsChannel> tls = nullptr);

  /// Reads on from `received`, which came with the end of the handshake. On the I/O thread, once.
  void start(std::span<std::byte const> received);

  /// From now on beat() notices whether the peer is silent. On the I/O thread, as the next three.
  void watch(Pulse pulse);
  int fd() const noexcept { return fd_; }
  bool is_watched() const noexcept { return pulse_.has_value() && !finished_; }
  /// An interval has passed. A time: the peer has been silent for too long. Only of one that is watched.
  std::optional<std::chrono::nanoseconds> beat(std::uint64_t now_ns);

  void attach(Outbox& outbox) override;
  void flush() override;
  void flush_in_time() override;
  bool flush_in_time_again() override;
  bool is_open() const override;
  bool is_closed() const override;
  CarrierSeen seen() const override;
  void close(std::string reason, Ending ending) override;
  void flush_and_close(std::string reason) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Mode : std::uint8_t {
    open,
    closing,  // what is in the outbox is written, then a goodbye; frames of the peer still arrive
    said,     // the goodbye is written
    broken,   // the socket takes nothing any more; what the peer sent before still arrives
    closed,
  };

  void look_later();
  void look();
  void on_readable();
  void on_bell();
  void on_socket_beside_shm();
  bool read_shm(int turns_max);  // false: read no more
  void on_writable();
  bool take_records(std::span<std::byte const> bytes);
  bool take(std::span<std::byte const> bytes);  // false: read no more, both
  void write(Lock& lock);
  std::size_t next_pieces(std::span<Piece> pieces);
  bool has_unsent() const noexcept;
  ssize_t write_now(std::span<iovec> parts) noexcept;
  void write_failed(int error);
  bool hand_over_for_release();
  void linger();
  void finish(std::string reason, Ending ending = Ending::cut, bool fault = false);
  void release();

  Reactor& reactor_;
  Owner& owner_;
  std::chrono::nanoseconds const linger_limit_;
  int const fd_;

  std::unique_ptr<ShmLink> shm_;  // its reading side: on the I/O thread; its writing side: the writer's

  // On the I/O thread only.
  std::optional<Descriptor> descriptor_;
  std::optional<Descriptor> bell_;  // of the shared memory
  std::optional<Timer> linger_;
  std::optional<Timer> look_timer_;
  int quiet_looks_ = 0;
  FrameReader reader_;
  std::optional<Pulse> pulse_;
  bool finished_ = false;

  std::atomic<bool> owes_flush_{false};  // somebody has gathered frames
  std::atomic<bool> busy_{false};        // and more than one in a turn
  std::atomic<bool> looks_{false};       // the I/O thread looks now and then whether anybody has

  mutable std::mutex mutex_;
  std::uint64_t heard_ns_ = 0;  // as the pulse knew at its last beat
  Mode mode_ = Mode::open;
  Outbox* outbox_ = nullptr;
  bool writing_ = false;                  // somebody is the writer
  bool in_system_call_ = false;           // and uses fd_ and shm_ without the lock
  bool waits_for_bell_ = false;           // the writer: until there is room in the shared memory
  bool release_wanted_ = false;           // the socket is to be closed when the system call returns
  bool outbox_is_done_ = false;           // closing: the goodbye follows
  std::string goodbye_;                   // the reason of flush_and_close()
  std::vector<std::byte> goodbye_frame_;  // what the socket has not taken of it
  std::unique_ptr<TlsChannel> tls_;       // its reading side: on the I/O thread; its writing side: the writer's
};

}  // namespace corps::net
