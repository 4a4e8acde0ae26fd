#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "env/net/internal/identity.hpp"
#include "env/net/internal/link_seen.hpp"

namespace corps::net {

class Carrier;

/// Bytes that are to be sent. They stay as they are and where they are until they are given back.
using Piece = std::span<std::byte const>;

/// Where a carrier takes from what it sends. It holds the frames; the carrier holds none.
/// Threads: any. Its lock is a leaf: a carrier may call it with a lock of its own held.
class Outbox {
 public:
  /// Fills in what is to be sent next, in order: frames with their headers, whole, but for the first, of which an earlier part
  /// may have been taken. Returns how many pieces; 0: nothing now, or `by` is not the carrier in use any more. One offer at a
  /// time for each carrier, and none once it has told that it is closed.
  virtual std::size_t offer(Carrier& by, std::span<Piece> pieces) noexcept = 0;
  /// Gives back what was offered, and says how much of it has been taken. Exactly once after each offer that was not empty; also
  /// by a carrier that is closed.
  virtual void taken(Carrier& by, std::size_t bytes) noexcept = 0;

 protected:
  ~Outbox() = default;
};

/// Whether what was under way can go on over another carrier.
enum class Ending : std::uint8_t {
  cut,    // the way broke: the peer may live, and what it did not get can be sent again
  final,  // one of the two ended it, in order or because of what the other one sent
};

/// A way for frames to one peer that has proved itself: a stream socket, shared memory, or the twin of the tests. It is pulled
/// from an Outbox and has no queue of its own. What it hands up (Events) are whole frames, in order as a rule: a session finds
/// out when that does not hold. Threads: any, where nothing else is said. Ownership: shared; one that is closed holds no socket
/// and no memory of its peer.
class Carrier {
 public:
  virtual ~Carrier();
  Carrier(Carrier const&) = delete;
  Carrier& operator=(Carrier const&) = delete;

  Peer peer() const noexcept { return peer_; }

  /// Whose frames it carries; the outbox must outlive it. Once, on the I/O thread, before any frame arrives.
  virtual void attach(Outbox& outbox) = 0;
  /// Something is in the outbox. If nobody is writing, the calling thread writes, without blocking; else the one that writes
  /// finds it. What the way does not take at once is sent by the I/O thread: that is the back-pressure, seen as bytes that stay
  /// in the outbox.
  virtual void flush() = 0;
  /// The same within half a millisecond, by another thread; the caller is about to flush, but may take long. Any number of times.
  virtual void flush_in_time() { flush(); }
  /// As flush_in_time(), if that was called lately and is prepared for. False: it is not; flush.
  virtual bool flush_in_time_again() { return false; }
  /// Takes from the outbox still.
  virtual bool is_open() const = 0;
  /// Hands nothing up any more.
  virtual bool is_closed() const { return !is_open(); }
  /// What it is, where it leads; nothing of one that is closed.
  virtual CarrierSeen seen() const { return {}; }

  /// Closes without sending what is left. Events::on_closed follows on the I/O thread with this reason and ending; called on the
  /// I/O thread, no frame is handed up after it. The first reason counts.
  virtual void close(std::string reason, Ending ending = Ending::final) = 0;
  /// Sends all that is in the outbox, tells the peer why (256 bytes at most), and closes when the peer has, or has taken nothing
  /// for linger_limit. Frames of the peer still arrive.
  virtual void flush_and_close(std::string reason) = 0;

  /// A slot for whoever implements Events: the carrier neither reads nor frees it.
  void set_user_data(std::uintptr_t value) noexcept { user_data_.store(value, std::memory_order_release); }
  std::uintptr_t user_data() const noexcept { return user_data_.load(std::memory_order_acquire); }

 protected:
  explicit Carrier(Peer peer) noexcept : peer_(peer) {}

 private:
  Peer peer_;
  std::atomic<std::uintptr_t> user_data_{0};
};

}  // namespace corps::net
