#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <limits>
#include <memory>

#include "corps/address.hpp"
#include "corps/detail/blocks.hpp"
#include "corps/detail/context_ref.hpp"
#include "corps/error.hpp"

namespace corps {
class Packer;
class Unpacker;
}  // namespace corps

namespace corps::detail {

struct Cell;
struct MethodRecord;
struct Request;

inline constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

enum class EnvelopeKind : std::uint8_t {
  request,  // asks a Worker to run something; waits while the Worker is busy
  tell,     // the same in its small form; see corps/detail/tell.hpp
  answer,   // a request that comes home; never waits
  control,  // from the runtime; never waits
};
constexpr bool is_request(EnvelopeKind kind) { return kind <= EnvelopeKind::tell; }

/// What a mailbox carries. It has one owner at any moment: who sent it until it is in a mailbox, then the Worker of
/// that mailbox.
struct alignas(16) Envelope : ObjectInBlocks {
  explicit Envelope(EnvelopeKind what) : kind(what) {}
  Envelope(Envelope const&) = delete;
  Envelope& operator=(Envelope const&) = delete;
  virtual ~Envelope() = default;

  /// Runs in a turn of the Worker it was sent to.
  virtual void arrive(Cell& cell) = 0;
  /// The Worker it was sent to is gone. Any thread.
  virtual void undeliverable() noexcept = 0;

  Envelope* next = nullptr;
  ConcId target = ConcId::none;  // compared at arrival, so that a reused mailbox never serves what was not meant for it
  EnvelopeKind kind;
  std::uint32_t weight = 1;  // of a request: units of the target's room it takes until it is begun
};

/// What a request hands on to the calls it makes.
struct CallContext {
  std::int64_t deadline_ns = never_ns;
  Request const* request = nullptr;  // on whose behalf; to be compared only, for it may have ended
};

/// The caller is in the Env of the target.
inline constexpr EnvId same_env = std::numeric_limits<EnvId>::max();

/// Who serves a request that was handed on: a Worker of this Env, or another Env, which knows it by a number.
struct HandedOn {
  ConcAddr to;
  std::uint64_t number = 0;  // 0: this Env
};

/// Where the answer of a request goes that came from another Env.
class Origin {
 public:
  /// Takes the answered request over. Any thread.
  virtual void answer(std::unique_ptr<Request> request) noexcept = 0;
  /// The request on behalf of which this one was sent, and which gets its answer; null if that is in another Env.
  virtual Request const* first_of(Request const&) const noexcept { return nullptr; }
  /// It goes to another Env, where it has this number. False: it was cancelled before, and must be cancelled there.
  virtual bool going_away(Request const&, std::uint64_t /*number*/) noexcept { return true; }

 protected:
  ~Origin() = default;
};

/// Who is told that a call has ended, if no coroutine waits for it. In the caller's turn.
class Listener {
 public:
  virtual void ended(Request& request) noexcept = 0;

 protected:
  ~Listener() = default;
};

/// A call from start to end. The fields are touched by one side only, named above them; `arrive` hands it from one
/// side to the other through the mailboxes.
struct Request : Envelope {
  explicit Request(MethodRecord const* which) : Envelope(EnvelopeKind::request), method(which) {}
  ~Request() override;

  [[gnu::hot]] void arrive(Cell& cell) final;
  void undeliverable() noexcept final;

  /// Runs the method in the target's turn; ends with finish() or fail(), at once or when its coroutine ends.
  virtual void invoke(Cell& cell) = 0;
  /// Once: what they pack they may give away, see Packer::give(), and the arguments end then.
  virtual void pack_arguments(Packer& out) = 0;
  virtual void pack_result(Packer& out) = 0;
  virtual void unpack_result(Unpacker& in) = 0;
  /// Takes the result out of the coroutine, if it was served by one, which has ended; throws what it threw.
  virtual void collect() {}
  /// Caller's side: nobody waits for it any more, though it is away. What no Worker serves is called back.
  virtual void let_go() noexcept {}

  /// Target's side: the result is in its slot, or `error` is set. The request leaves for home and must not be touched
  /// again.
  [[gnu::hot]] void finish() noexcept;
  void fail(ErrorInfo info) noexcept;
  /// Target's side, in a catch block: what the method threw becomes the error of the call.
  void fail_with_current_exception() noexcept;
  void note_current_exception() noexcept;
  /// Target's side: the Worker does not run it after all.
  void give_back(ErrorInfo info) noexcept;
  /// Ends a request that no Worker serves any more (or ever did). Any thread that owns it.
  void bounce(ErrorInfo info) noexcept;
  /// Target's side: the method has returned, and somebody else finishes the request, on any thread. Its Worker is free.
  void pass_on() noexcept;
  /// Target's side: the method waits in `coroutine`, which is the request's from now on.
  void begin_frame(std::coroutine_handle<> coroutine) noexcept;
  /// Caller's side: ends the Future now, though the request may still be away.
  void end_early(ErrorInfo info) noexcept;
  /// The target is about to run the method. False: the caller has given up, and was told that it did not run.
  bool begin() noexcept { return claim(Progress::begun); }
  /// The caller gives up. False: the method may have run.
  bool give_up() noexcept { return claim(Progress::given_up); }
  enum class Cancel : std::uint8_t { known, noted, noted_where_handed_on };
  /// It was begun, and is cancelled: it will know from now on, unless it was known already. Whoever noted it tells who serves it;
  /// see handed_on().
  Cancel note_cancel() noexcept {
    auto now = Progress::begun;
    while (!progress.compare_exchange_weak(now, Progress::cancelled, std::memory_order_acq_rel, std::memory_order_acquire))
      if (now != Progress::begun && now != Progress::handed_on) return Cancel::known;
    return now == Progress::begun ? Cancel::noted : Cancel::noted_where_handed_on;
  }
  /// The method has returned, and another one serves it. Whoever serves it now, before it may be answered; false: it was
  /// cancelled.
  bool hand_on(HandedOn const& to) noexcept;
  /// Once it was cancelled where it had been handed on.
  HandedOn handed_on() const noexcept { return {{handed_on_env, handed_on_conc}, handed_on_number}; }
  /// Caller's side: the Future lets go.
  [[gnu::hot]] void drop() noexcept;
  /// Caller's side: has got it back without its coming home, and frees it.
  void take_back() noexcept;
  /// Caller's side: whether the Future has its value or its error.
  bool ended() const noexcept { return home || early != nullptr; }
  /// Any thread, while it is served: whether the caller has given it up since it was begun.
  bool is_cancelled() const noexcept;
  /// Caller's side, once ended: the error, if it is one.
  ErrorInfo const* failure() noexcept {
    shown = true;
    return early ? early.get() : error.get();
  }

  // Both sides, set before the request is sent.
  MethodRecord const* method;  // null for a request that is never sent
  std::int64_t deadline_ns = never_ns;
  Cell* caller = nullptr;           // null for a `tell` and for a request from another Env
  ConcId caller_id = ConcId::none;  // none: nobody knows
  EnvId caller_env = same_env;
  Origin* origin = nullptr;       // set for a request from another Env
  std::uint64_t origin_call = 0;  // what the origin knows it by; without one, the number of a call that is in another Env
  ContextRef shared;              // what corps::context() says at the target; or in a task of a Worker's own

  // Caller's side.
  Request* open_prev = nullptr;
  Request* open_next = nullptr;
  std::coroutine_handle<> waiter;
  Listener* listener = nullptr;  // while there is no waiter
  CallContext caller_context;
  std::int64_t since_ns = 0;  // when the call was made; or when its Worker began to wait for it, if that was in a later turn
  ConcAddr sent_to;
  std::unique_ptr<ErrorInfo> early;
  std::atomic<bool> held{false};  // by a Future
  bool after_tick = false;        // it landed after a tick of its caller had
  bool landed = false;            // in the caller's batch, as an answer
  bool home = false;
  bool opened = false;           // in the caller's list of open calls
  bool shown = false;            // the Future's owner has seen how it ended
  bool was_parked = false;       // it found no room at first: `parked` may be set
  bool stands_for_tell = false;  // it is no call: it ends when the tell is in the mailbox
  bool sleeps = false;           // it is no call: it ends when its time has come
  bool late = false;             // its Worker began to wait for it in a later turn, and has not looked for a cycle since

  // Target's side.
  Cell* server = nullptr;
  std::coroutine_handle<> frame;  // of a method that awaits
  union {
    Request* running_prev = nullptr;
    ConcId handed_on_conc;  // of one that is handed on, and so in no list
  };
  union {
    Request* running_next = nullptr;
    std::uint64_t handed_on_number;
  };
  union {
    Request* ended_next = nullptr;  // in the list of those whose coroutine has just ended
    EnvId handed_on_env;
  };
  bool counted = false;  // it makes its Worker busy
  bool running = false;  // in its Worker's list of running requests
  bool parked = false;   // waits for room at its target; under the lock of where it waits
  bool relays = false;   // it stands for another one, which was handed on
  std::unique_ptr<ErrorInfo> error;

  // Both sides: who comes first decides whether the method runs.
  enum class Progress : std::uint8_t {
    away,
    begun,
    handed_on,  // it was begun, and another one stands for it
    given_up,   // it will not be begun
    cancelled,  // it was begun, and then given up
    told,       // and what it waits for was ended for that reason
  };
  std::atomic<Progress> progress{Progress::away};

 private:
  bool claim(Progress wanted) noexcept {
    auto expected = Progress::away;
    return progress.compare_exchange_strong(expected, wanted, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  friend class Pause;
  [[gnu::hot]] void serve(Cell& cell);
  [[gnu::hot]] void come_home(Cell& cell);
  [[gnu::hot]] void leave_server() noexcept;
  [[gnu::hot]] void go_home() noexcept;
  [[gnu::hot]] void go_on() noexcept;
};

}  // namespace corps::detail
