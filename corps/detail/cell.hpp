#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "corps/address.hpp"
#include "corps/detail/envelope.hpp"
#include "corps/detail/envelope_queue.hpp"
#include "corps/detail/mailbox_head.hpp"
#include "corps/detail/own_counter.hpp"
#include "corps/detail/registry.hpp"
#include "corps/fwd.hpp"
#include "corps/overflow.hpp"

namespace corps::detail {

struct ClassRecord;

// What is marked [[gnu::hot]], here and elsewhere, is on the way of a call. It lies together in the program, so that a call after
// a pause, which finds nothing of it in the caches, touches few pages.

[[gnu::hot]] std::int64_t now_ns() noexcept;
/// The same clock, 0.1 ms late at most, and five times cheaper to read.
[[gnu::hot]] std::int64_t recent_now_ns() noexcept;
/// What that said last on this thread. A turn begins with it: so whatever sleeps or takes long between two turns of a thread
/// reads recent_now_ns() when it is over.
[[gnu::hot]] std::int64_t last_recent_now_ns() noexcept;

/// What a Worker is created with.
struct WorkerInfo {
  std::string tag;
  ConcAddr mgr;
  bool own_thread = false;
};

enum class Pushed : std::uint8_t { ok, full, closed };

/// How a cell runs when something arrives in its idle mailbox.
enum class Wakes : std::uint8_t {
  scheduler,  // it is queued for a turn
  thread,     // a thread waits on it: a plain thread, a Worker in a blocking get(), or one that has its own
};

/// What few Workers have; made when first needed. See env/mail/internal/worker_extra.hpp.
struct WorkerExtra;

/// Whether a probe of a Worker for a cycle of calls is under way.
enum class Probing : std::uint8_t { no, under_way, again_soon };

/// What the runtime keeps of a Worker: its mailbox and its state. Memory of a cell is always a cell (it comes from a
/// slab and goes back there), so a stale pointer meets a cell with another id, and nothing worse.
/// A million idle Workers are a million cells: what only few Workers have belongs into the extra().
struct alignas(64) Cell {
  Cell();
  Cell(Cell const&) = delete;
  Cell& operator=(Cell const&) = delete;
  ~Cell();

  alignas(8) std::byte sched_slot[8];  // NOLINT: the scheduler's job lives here, and finds its cell by being its first member

  // --- any thread ---------------------------------------------------------------------------------------------
  /// Queues a request unless the mailbox is closed or has no room; then the caller keeps it. One that nobody waits for does
  /// not wake a Worker that can begin none.
  template <bool awaited = true>
  Pushed push_request(Envelope* request) noexcept {
    auto const max = mailbox_max.load(std::memory_order_relaxed);
    auto word = inbox.load(std::memory_order_acquire);
    for (;;) {
      MailboxHead const head{word};
      if (head.taken() + request->weight > max) [[unlikely]]
        return head.is_closed() || max == 0 ? Pushed::closed : Pushed::full;
      request->next = head.newest();
      auto filled = head.plus(request->weight).with(request);
      if constexpr (awaited) filled = filled.woken();
      if (inbox.compare_exchange_weak(word, filled.word(), std::memory_order_acq_rel, std::memory_order_acquire)) {
        if (head.is_idle() || (awaited && head.is_asleep())) wake();
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
      if (inbox.compare_exchange_weak(word, head.with(envelope).woken().word(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        if (head.is_idle() || head.is_asleep()) wake();
        return true;
      }
    }
  }
  [[gnu::hot]] void wake() noexcept;
  bool is_closed() const noexcept { return MailboxHead{inbox.load(std::memory_order_seq_cst)}.is_closed(); }

  std::atomic<std::uint64_t> inbox{MailboxHead::closed().word()};  // a MailboxHead
  std::atomic<ConcId> id{ConcId::none};                            // whose cell it is
  std::atomic<std::uint32_t> mailbox_max{0};                       // units of room, by limits.mailbox; 0: serves no requests
  std::atomic<std::uint32_t> signal{0};                            // futex of the waiting thread
  std::atomic<Wakes> wakes{Wakes::scheduler};
  std::atomic<Overflow> overflow{Overflow::wait};  // what a full mailbox answers

  // --- the Worker's own turn: what stays as it is while it lives ------------------------------------------------
  bool interleaved = false;
  std::uint8_t hooks = 0;  // that its class overrides
  EnvId mgr_env = 0;       // of the Worker that created this one
  ConcId mgr_conc = ConcId::none;
  ClassRecord const* cls = nullptr;

  // --- the Worker's own turn ----------------------------------------------------------------------------------
  /// The next envelope to serve: what is from the runtime first; then answers and, unless the Worker is busy, requests by
  /// turns, each in the order of arrival. Null when there is nothing to do: then the mailbox has gone idle, and the cell
  /// belongs to whoever puts something into it.
  [[gnu::hot]] Envelope* take() noexcept;
  /// The next envelope that is no request, for a Worker that waits in the middle of one. Null when there is none; the
  /// mailbox does not go idle.
  [[gnu::hot]] Envelope* take_arrived() noexcept;
  /// Sorts what has arrived into the queues, marks the answers among it as landed, and gives the room of the requests begun
  /// since it looked last to others.
  [[gnu::hot]] void look() noexcept;
  /// Frees the answers that have arrived and that nobody waits for any more.
  void free_dropped() noexcept;
  bool can_begin() const noexcept {
    return busy == 0 || (interleaved && !constructing) || ((hooks & hook_selects) != 0 && finds_request());
  }
  /// Whether it must look at each request that comes: it may be one that can begin.
  bool wakes_for_requests() const noexcept { return (hooks & hook_selects) != 0 || can_begin(); }
  /// Brings the Worker's clock up to date, to 0.1 ms.
  std::int64_t recent_ns() noexcept { return catch_up(recent_now_ns()); }
  std::int64_t catch_up(std::int64_t recent) noexcept {
    if (recent > now_ns) now_ns = recent;
    return now_ns;
  }
  [[gnu::hot]] void opened(Request& request) noexcept;
  [[gnu::hot]] void closed(Request& request) noexcept;
  /// What has come home, or was taken back, is counted no longer.
  void uncount(Request const& request) noexcept { --counter_of(request); }
  void started(Request& request) noexcept;
  void ended(Request& request) noexcept;
  /// Answers the requests whose coroutines have ended. After every step that may have run user code.
  void settle() noexcept {
    if (frames_ended != nullptr) answer_ended();
  }
  /// Ends an open call whose deadline has passed.
  void end_call(Request& request);
  /// Ends every open call whose deadline has passed; returns the earliest deadline left.
  std::int64_t end_overdue(std::int64_t now);
  bool is_port() const noexcept { return cls == nullptr; }
  ConcAddr address() const noexcept;
  ConcAddr mgr() const noexcept { return {mgr_env, mgr_conc}; }
  /// Makes it, the first time. It ends with the Worker.
  WorkerExtra& extra();
  /// Null while there is none.
  WorkerExtra* extra_if_any() const noexcept { return extra_; }

 private:
  OwnCounter& counter_of(Request const& request) noexcept { return request.sleeps ? sleeps : open_calls; }
  WorkerExtra* extra_ = nullptr;

  /// Whether one of the requests that wait may begin though the Worker is busy; see env/mail/select.cpp.
  bool finds_request() const noexcept;
  /// The next request to be popped is that one, if the Worker is busy.
  void bring_forward_found() noexcept;
  /// Has the deadline clock tell when the first of these requests is late.
  void watch_deadlines(Envelope const* arrived) noexcept;
  [[gnu::hot]] Envelope* take_by_turns() noexcept;
  [[gnu::hot]] Envelope* pop_request() noexcept;
  void answer_ended() noexcept;
  [[gnu::hot]] bool go_idle() noexcept;
  [[gnu::hot]] std::uint32_t weight_if_next(Envelope const* newest) const noexcept;

 public:
  /// As new, but for the id and the mailbox.
  void reset() noexcept;

  // Apart from what senders touch.
  alignas(64) EnvelopeQueue controls;
  EnvelopeQueue answers;
  EnvelopeQueue requests;  // those that wait until the Worker is free
  Conc* object = nullptr;
  std::int64_t now_ns = 0;  // the clock, as this Worker read it last
  CallContext context;      // of the request that runs
  Request* open = nullptr;  // calls this Worker made that have not ended, oldest first
  Request* open_last = nullptr;
  std::int64_t armed_ns = never_ns;                 // when the deadline clock will send the tick; a port looks itself then
  Request* running = nullptr;                       // requests it has begun and not ended
  Request* frames_ended = nullptr;                  // requests whose coroutine has just ended
  std::atomic<MethodRecord const*> doing{nullptr};  // whose code runs now, for whoever asks what holds it up
  std::uint32_t room_back = 0;                      // units of requests that were begun, which the inbox still counts
  OwnCounter open_calls;
  OwnCounter sleeps;  // that have not ended; they are no open calls
  OwnCounter busy;
  bool exiting = false;
  EndedHow how{};               // it ends, once it is exiting
  bool request_next = false;    // it is the turn of a request, not of an answer
  bool constructing = false;    // until on_start has ended
  bool expects_object = false;  // the next Conc that is constructed is this Worker's
  Probing probing = Probing::no;
};
static_assert(sizeof(Cell) <= 192, "three cache lines: one for senders, two for the Worker");

}  // namespace corps::detail
