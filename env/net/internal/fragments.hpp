#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "corps/detail/bytes.hpp"
#include "env/net/internal/message_part.hpp"
#include "env/net/internal/received.hpp"
#include "env/net/internal/wire.hpp"

namespace corps::net {

/// From which Worker to which: what one of them sends to the other arrives in order.
struct WorkerPair {
  std::uint64_t from = 0;
  std::uint64_t to = 0;

  friend bool operator==(WorkerPair const&, WorkerPair const&) = default;
};
/// Of all control frames.
inline constexpr WorkerPair control_pair{~std::uint64_t{0}, ~std::uint64_t{0}};

struct HashWorkerPair {
  std::size_t operator()(WorkerPair const& pair) const noexcept {
    return std::hash<std::uint64_t>{}(pair.from * 0x9e37'79b9'7f4a'7c15 ^ pair.to);
  }
};

struct FragmentLimits {
  std::size_t fragment_bytes = std::size_t{256} << 10;              // limits.frame: of a message in one frame
  std::size_t message_bytes_max = (std::size_t{256} << 20) + 4096;  // of one that is received
  std::size_t begun_bytes_max = std::size_t{320} << 20;             // of all that are sent in part; one alone may be larger
};

/// Messages that are larger than a fragment, and what their senders send to the same receivers after them. They take turns.
/// Threads: one at a time. Limits: the owner bounds bytes(); partial_messages_max messages are begun at a time.
class LargeMessages {
 public:
  explicit LargeMessages(FragmentLimits limits) : limits_(limits) {}

  bool empty() const noexcept { return lanes_.empty(); }
  /// Of what has not left.
  std::size_t bytes() const noexcept { return small_bytes_ + large_bytes_; }
  /// Of these, of messages that are not larger than a fragment.
  std::size_t small_bytes() const noexcept { return small_bytes_; }
  bool is_large(std::size_t frame_size) const noexcept { return frame_size - header_bytes > limits_.fragment_bytes; }
  /// Whether a frame must wait here.
  bool takes(WorkerPair const& pair, std::size_t frame_size) const {
    return is_large(frame_size) || (!lanes_.empty() && lanes_.contains(pair));
  }

  /// `frame` begins with room for its header; nothing is `given` with one that is not large. Returns its ticket.
  std::uint64_t add(WorkerPair const& pair, FrameKind kind, detail::ByteBuffer& frame, detail::AllGiven given = {});
  /// Part of it is here still, so the peer cannot have understood it.
  bool holds(std::uint64_t ticket) const { return tickets_.contains(ticket); }

  struct Next {
    FrameKind kind;
    detail::ByteBuffer frame;  // with room for its header
    MessagePart part;          // what follows it in the same frame
  };
  /// The frame that is sent next. Not if it is empty.
  Next next();

  /// Forgets what was begun: the other side has not kept its beginning.
  void drop_begun();
  void clear();

 private:
  struct Message {
    FrameKind kind;
    std::shared_ptr<PackedMessage> frame;
    std::uint64_t ticket;
    std::size_t at = header_bytes;  // of the first byte that has not left
    std::uint32_t number = 0;       // among the messages sent in fragments; 0: none was sent
  };
  struct Lane {
    WorkerPair pair;
    std::deque<Message> messages;
    std::size_t turn_bytes = 0;
  };
  using Lanes = std::list<Lane>;

  void begin_lanes();
  Next cut(Message& message);
  void end_message(Lanes::iterator lane, std::size_t frame_size);

  FragmentLimits limits_;
  Lanes waiting_;  // their first message is large, and not begun
  Lanes begun_;
  std::unordered_map<WorkerPair, Lanes::iterator, HashWorkerPair> lanes_;
  std::unordered_set<std::uint64_t> tickets_;
  std::size_t small_bytes_ = 0;
  std::size_t large_bytes_ = 0;
  std::size_t begun_bytes_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::uint32_t last_number_ = 0;
};

/// Puts messages together again. What a peer may not send ends its session, and costs no memory beyond what it sent.
/// Threads: one at a time.
class Reassembly {
 public:
  explicit Reassembly(FragmentLimits limits) : limits_(limits) {}

  struct Whole {
    FrameKind kind;
    ReceivedMessage message;
  };
  /// Takes the payload of a fragment; `memory`: what it is all of, if that may be taken over. The message that it ends, or
  /// nothing; then why() says whether it was illegal.
  std::optional<Whole> take(std::span<std::byte const> payload, detail::ByteBuffer* memory = nullptr);
  /// Another frame has come. False: a message that was begun is not gone on with; why().
  bool pass(std::size_t bytes);

  std::string const& why() const noexcept { return why_; }
  bool empty() const noexcept { return partial_.empty(); }
  std::size_t held_bytes() const noexcept { return bytes_; }
  void clear() noexcept;

 private:
  struct Partial {
    std::uint32_t number;
    FrameKind kind;
    ReceivedMessage message;
    std::uint64_t at;  // received_ when its last fragment came
  };

  std::optional<Whole> refuse(std::string why);

  FragmentLimits limits_;
  std::list<Partial> partial_;
  std::size_t bytes_ = 0;
  std::uint64_t received_ = 0;  // of all frames
  std::string why_;
};

}  // namespace corps::net
