#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/net/internal/frame.hpp"
#include "env/net/internal/network.hpp"
#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// A Connection over a stream socket: batches what is sent, cuts what is received.
///
/// One thread at a time is the writer: the one that found nobody writing, or the I/O thread once the socket was full. Others
/// only append to the batch, so that many small frames leave in one system call without any timer.
class Stream final : public Connection, public std::enable_shared_from_this<Stream> {
 public:
  /// What a stream needs of its Network. Called on the I/O thread only.
  class Owner {
   public:
    virtual std::span<std::byte> read_buffer() = 0;  // one for all streams: idle ones stay small
    virtual void on_frame(Stream& stream, FrameKind kind, std::span<std::byte const> payload) = 0;
    virtual void on_closed(Stream& stream, std::string const& reason, bool fault) = 0;
    virtual void on_released(Stream& stream) = 0;  // the socket is closed and no thread will touch the owner again

   protected:
    ~Owner() = default;
  };

  Stream(Reactor& reactor, Owner& owner, NetSettings const& settings, Peer peer, host::UniqueFd fd);

  /// Reads on from `received`, which came with the end of the handshake. On the I/O thread, once.
  void start(std::span<std::byte const> received);

  SendResult send(FrameKind kind, std::span<std::byte const> head, std::span<std::byte const> body, Flush flush) override;
  void flush() override;
  std::size_t queued_bytes() const override;
  void close(std::string reason) override;
  void flush_and_close(std::string reason) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Mode : std::uint8_t {
    open,
    closing,  // what is queued is written, then a goodbye; frames of the peer still arrive
    broken,   // the socket takes nothing any more; what the peer sent before still arrives
    closed,
  };

  void on_readable();
  void on_writable();
  bool take(std::span<std::byte const> bytes);  // false: read no more
  void write_batch(Lock& lock);
  void write_failed(int error);
  bool hand_over_for_release();
  void linger();
  void finish(std::string reason, bool fault = false);
  void release();

  Reactor& reactor_;
  Owner& owner_;
  std::uint32_t const frame_bytes_max_;
  std::size_t const batch_bytes_max_;
  std::chrono::nanoseconds const linger_limit_;
  int const fd_;

  // On the I/O thread only.
  std::optional<Descriptor> descriptor_;
  std::optional<Timer> linger_;
  FrameReader reader_;
  bool finished_ = false;

  mutable std::mutex mutex_;
  Mode mode_ = Mode::open;
  bool writing_ = false;            // somebody is the writer
  bool in_system_call_ = false;     // and uses fd_ without the lock
  bool release_wanted_ = false;     // the socket is to be closed when the system call returns
  std::string goodbye_;             // the reason of flush_and_close()
  std::vector<std::byte> batch_;    // appended to by all
  std::vector<std::byte> leaving_;  // what the writer took from the batch
  std::size_t left_ = 0;            // bytes of leaving_ that the socket has taken
};

}  // namespace corps::net
