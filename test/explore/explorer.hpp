#pragma once

#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

/// Runs a few threads of real source in every order that their operations on shared memory can have. Sources are compiled with
/// Atomic, Mutex and Semaphore in place of the standard's; each operation on one is a point at which any other thread may go on.
/// Memory is sequentially consistent. A state is followed once: the bytes of the stacks and of the memory that the test names.
namespace explore {

class Explorer {
 public:
  using Body = std::function<void()>;
  struct Result {
    std::string failure;  // empty: there is none
    std::uint64_t states = 0;
  };
  /// Memory of the test that tells states apart: all that its threads change. A heap is none.
  using Memory = std::span<std::byte>;

  struct Limits {
    std::size_t servers =
        1;  // so many of the threads, the last ones, serve the others: they may wait for ever once those have ended
    int timeouts_each = 2;           // of one thread in one run, while others could go on as well
    int timeouts_when_all_wait = 0;  // in one run: how long it is looked what time brings
  };

  static constexpr std::size_t threads_max = 3;
  static constexpr std::size_t steps_max = 2'000;

  /// `start` makes everything new, at the same places each time; `at_end` looks at what came out of a run. Both may fail().
  Result run(std::vector<Memory> memory, Body const& start, std::vector<Body> const& threads, Body const& at_end, Limits limits);
  Result run(std::vector<Memory> memory, Body const& start, std::vector<Body> const& threads, Body const& at_end) {
    return run(std::move(memory), start, threads, at_end, Limits{});
  }

  // --- for the threads ----------------------------------------------------------------------------------------
  /// The point before an operation: others may go on. Returns when this thread is chosen and `can_go_on`.
  void point(std::function<bool()> can_go_on = nullptr);
  /// Some thread writes there: the order of reading matters. What all only read is no matter of order.
  void writes(void const* place) { found_written_ = written_.insert(place).second || found_written_; }
  bool is_written(void const* place) const noexcept { return written_.contains(place); }
  /// A time-out of this thread; each may see a few, and some more come when nothing else can happen.
  bool may_time_out() const noexcept { return fibers_[current_].timeouts_left > 0 || (all_wait_ && late_timeouts_left_ > 0); }
  void time_out() noexcept { --(fibers_[current_].timeouts_left > 0 ? fibers_[current_].timeouts_left : late_timeouts_left_); }
  std::size_t current() const noexcept { return current_; }
  bool running() const noexcept { return running_; }
  void fail(std::string why);

  static Explorer& instance();

 private:
  static constexpr std::size_t stack_bytes = std::size_t{16} << 10U;
  static constexpr std::ptrdiff_t left_over_bytes_max = 2048;
  struct FiberState {
    ucontext_t context{};
    std::function<bool()> can_go_on;
    bool done = false;
    int timeouts_left = 0;
  };
  struct Fiber : FiberState {
    std::unique_ptr<std::byte[]> stack = std::make_unique<std::byte[]>(stack_bytes);  // NOLINT
    Body body;
  };
  /// One place where threads could be chosen, and, if there was more than one, all that is needed to come back to it.
  struct Choice {
    std::size_t current() const noexcept { return threads[taken]; }

    std::array<std::size_t, threads_max> threads{};
    std::size_t count = 0;
    std::size_t taken = 0;
    std::array<FiberState, threads_max> fibers;
    std::vector<std::byte> saved;  // memory and stacks
    int late_timeouts_left = 0;
  };
  /// Hashes of states, none of which is 0.
  class States {
   public:
    /// False if it is there already.
    bool insert(std::uint64_t state);
    std::size_t size() const noexcept { return count_; }

   private:
    std::uint64_t& place_of(std::uint64_t state) noexcept;
    void grow();

    std::vector<std::uint64_t> slots_;
    std::size_t count_ = 0;
  };

  static void enter();
  void prepare(std::vector<Body> const& threads);
  void make_fiber(Fiber& fiber, Body const& body) const;
  void follow_all(Body const& at_end);
  bool choose(Body const& at_end);
  void find_who_can_go_on(Choice& choice);
  bool others_ended() const noexcept;
  bool go_back();
  void go_on();
  static void forget_left_over(Fiber& fiber) noexcept;
  static Memory used_stack(Fiber const& fiber) noexcept;
  void save(Choice& choice) const;
  void restore(Choice const& choice);
  std::uint64_t state() const noexcept;

  std::array<Fiber, threads_max> fibers_;
  std::size_t fiber_count_ = 0;
  std::size_t current_ = 0;
  bool running_ = false;
  bool all_wait_ = false;
  int late_timeouts_left_ = 0;
  Limits limits_;
  std::vector<Memory> memory_;
  std::vector<Choice> path_;
  std::size_t depth_ = 0;
  States seen_;
  std::unordered_set<void const*> written_;
  bool found_written_ = false;
  std::string failure_;
  ucontext_t home_{};
};

inline Explorer& the() { return Explorer::instance(); }

template <class T>
class Atomic {
 public:
  constexpr Atomic() noexcept = default;
  constexpr Atomic(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic converts
  Atomic(Atomic const&) = delete;
  Atomic& operator=(Atomic const&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    if (!the().running()) return value_;
    if (the().is_written(this)) the().point();
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept { (void)exchange(value); }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    if (the().running()) the().point();
    auto const before = value_;
    set(value);
    return before;
  }
  bool compare_exchange_strong(T& expected, T wanted, std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    if (the().running()) the().point();
    bool const same = value_ == expected;
    expected = value_;
    if (same) set(wanted);
    return same;
  }
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order = std::memory_order_seq_cst,
                             std::memory_order = std::memory_order_seq_cst) noexcept {
    return compare_exchange_strong(expected, wanted);
  }
  T fetch_add(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
    if (the().running()) the().point();
    auto const before = value_;
    set(static_cast<T>(before + by));
    return before;
  }
  T fetch_sub(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
    if (the().running()) the().point();
    auto const before = value_;
    set(static_cast<T>(before - by));
    return before;
  }
  operator T() const noexcept { return load(); }  // NOLINT: as std::atomic converts
  T operator=(T value) noexcept {                 // NOLINT: as std::atomic assigns
    store(value);
    return value;
  }
  /// Without a point: for the test's own look.
  T now() const noexcept { return value_; }

 private:
  void set(T value) noexcept {
    if (the().running()) the().writes(this);
    value_ = value;
  }

  T value_{};
};

class Mutex {
 public:
  void lock() {
    if (the().running()) the().point([this] { return !held_; });
    held_ = true;
  }
  void unlock() { held_ = false; }

 private:
  bool held_ = false;
};

class Semaphore {
 public:
  explicit Semaphore(std::ptrdiff_t count) noexcept : count_(count) {}
  void release() {
    if (the().running()) the().point();
    if (++count_ > 1) the().fail("a binary semaphore is released twice");
  }
  void acquire() {
    the().point([this] { return count_ > 0; });
    --count_;
  }
  template <class Duration>
  bool try_acquire_for(Duration) {
    the().point([this] { return count_ > 0 || the().may_time_out(); });
    if (count_ == 0) {
      the().time_out();
      return false;
    }
    --count_;
    return true;
  }

 private:
  std::ptrdiff_t count_;
};

}  // namespace explore

namespace std {  // so that a macro may put these in place of the standard's
template <class T>
using explored_atomic = explore::Atomic<T>;
using explored_mutex = explore::Mutex;
using explored_binary_semaphore = explore::Semaphore;
}  // namespace std
