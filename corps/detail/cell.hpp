#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/envelope_queue.hpp"
#include "corps/detail/mailbox_head.hpp"
#include "corps/fwd.hpp"

namespace corps::detail {

struct ClassRecord;

std::int64_t now_ns() noexcept;
/// The same clock, some ms late at most, and five times cheaper to read.
std::int64_t coarse_now_ns() noexcept;

/// What is known of a Worker and seldom looked at.
struct WorkerInfo {
  std::string tag;
  ConcAddr mgr;
};

enum class Pushed : std::uint8_t { ok, full, closed };

/// How a cell runs when something arrives in its idle mailbox.
enum class Wakes : std::uint8_t {
  scheduler,  // it is queued for a turn
  thread,     // a thread waits on it: a plain thread, or a Worker in a blocking get()
};

/// The fixed envelope with which the deadline clock asks a Worker to look at its open calls.
struct Tick final : Envelope {
  explicit Tick(Cell& cell) : Envelope(EnvelopeKind::control), owner(cell) {}
  void arrive(Cell& cell) override;
  void undeliverable() noexcept override { on_its_way.store(false, std::memory_order_release); }
  Cell& owner;
  std::atomic<bool> on_its_way{false};
};

/// What the runtime keeps of a Worker: its mailbox and its state. Memory of a cell is always a cell (it comes from a
/// slab and goes back there), so a stale pointer meets a cell with another id, and nothing worse.
struct alignas(64) Cell {
  Cell();
  Cell(Cell const&) = delete;
  Cell& operator=(Cell const&) = delete;
  ~Cell();

  alignas(16) std::byte sched_slot[16];  // NOLINT: the scheduler's job lives here, and finds its cell by being its first member

  // --- any thread ---------------------------------------------------------------------------------------------
  /// Queues a request unless the mailbox is closed or has no room; then the caller keeps it.
  Pushed push_request(Envelope* request) noexcept {
    auto const max = mailbox_max.load(std::memory_order_relaxed);
    auto word = inbox.load(std::memory_order_acquire);
    for (;;) {
      MailboxHead const head{word};
      if (head.taken() + request->weight > max) [[unlikely]]
        return head.is_closed() || max == 0 ? Pushed::closed : Pushed::full;
      request->next = head.newest();
      if (inbox.compare_exchange_weak(word, head.plus(request->weight).with(request).word(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        if (head.is_idle()) wake();
        return Pushed::ok;
      }
    }
  }
  /// Queues an answer or a control envelope, which are never refused for want of room: open calls bound them.
  /// False if the mailbox is closed; then the caller keeps it.
  bool push(Envelope* envelope) noexcept {
    auto word = inbox.load(std::memory_order_acquire);
    for (;;) {
      MailboxHead const head{word};
      if (head.is_closed()) [[unlikely]]
        return false;
      envelope->next = head.newest();
      if (inbox.compare_exchange_weak(word, head.with(envelope).word(), std::memory_order_acq_rel, std::memory_order_acquire)) {
        if (head.is_idle()) wake();
        return true;
      }
    }
  }
  void wake() noexcept;
  bool is_closed() const noexcept { return MailboxHead{inbox.load(std::memory_order_seq_cst)}.is_closed(); }

  std::atomic<std::uint64_t> inbox{MailboxHead::closed().word()};  // a MailboxHead
  std::atomic<ConcId> id{ConcId::none};                            // whose cell it is
  std::atomic<std::uint32_t> mailbox_max{0};                       // units of room, by limits.mailbox; 0: serves no requests
  std::atomic<Wakes> wakes{Wakes::scheduler};
  std::atomic<std::uint32_t> signal{0};             // futex of the waiting thread
  std::atomic<MethodRecord const*> doing{nullptr};  // whose code runs now, for whoever asks what holds it up

  // --- the Worker's own turn ----------------------------------------------------------------------------------
  /// The next envelope to serve: what is from the runtime first; then answers and, unless the Worker is busy, requests by
  /// turns, each in the order of arrival. Null when there is nothing to do: then the mailbox has gone idle, and the cell
  /// belongs to whoever puts something into it.
  Envelope* take() noexcept;
  /// The next envelope that is no request, for a Worker that waits in the middle of one. Null when there is none; the
  /// mailbox does not go idle.
  Envelope* take_arrived() noexcept;
  /// Sorts what has arrived into the queues, marks the answers among it as landed, and gives the room of the requests begun
  /// since it looked last to others.
  void look() noexcept;
  /// Frees the answers that have arrived and that nobody waits for any more.
  void free_dropped() noexcept;
  bool can_begin() const noexcept { return busy == 0 || (interleaved && !constructing); }
  /// The clock as it was read last, at most a few ms ago.
  std::int64_t recent_ns() noexcept {
    if (coarse_now_ns() > now_ns) [[unlikely]]
      now_ns = detail::now_ns();
    return now_ns;
  }
  void opened(Request& request) noexcept;
  void closed(Request& request) noexcept;
  void started(Request& request) noexcept;
  void ended(Request& request) noexcept;
  /// Answers the requests whose coroutines have ended. After every step that may have run user code.
  void settle() noexcept;
  /// Ends an open call whose deadline has passed.
  void end_call(Request& request);
  /// Ends every open call whose deadline has passed; returns the earliest deadline left.
  std::int64_t end_overdue(std::int64_t now);
  bool is_port() const noexcept { return cls == nullptr; }
  ConcAddr address() const noexcept;

 private:
  Envelope* pop_request() noexcept;
  bool go_idle() noexcept;

 public:
  /// As new, but for the id and the mailbox.
  void reset() noexcept;

  alignas(64) EnvelopeQueue controls;
  EnvelopeQueue answers;
  EnvelopeQueue requests;       // those that wait until the Worker is free
  std::uint32_t room_back = 0;  // units of requests that were begun, which the inbox still counts
  Conc* object = nullptr;
  ClassRecord const* cls = nullptr;
  std::int64_t now_ns = 0;  // the clock, read once a turn, and when that is long ago
  CallContext context;      // of the request that runs
  Request* open = nullptr;  // calls this Worker made that have not ended, oldest first
  Request* open_last = nullptr;
  Request* running = nullptr;       // requests it has begun and not ended
  Request* frames_ended = nullptr;  // requests whose coroutine has just ended
  std::uint32_t open_calls = 0;
  std::uint32_t busy = 0;
  bool interleaved = false;
  bool exiting = false;
  bool request_next = false;            // it is the turn of a request, not of an answer
  bool constructing = false;            // until on_start has ended
  bool expects_object = false;          // the next Conc that is constructed is this Worker's
  std::int64_t armed_ns = never_ns;     // when the deadline clock will send the tick; a port looks itself then
  std::int64_t in_clock_ns = never_ns;  // the deadline clock's own note of it, under its mutex
  WorkerInfo info;
  Tick tick{*this};
};

}  // namespace corps::detail
