#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "env/host/internal/unique_fd.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/net/internal/baton.hpp"
#include "env/net/internal/reactor.hpp"

namespace corps::net {

/// What a Descriptor waits for.
struct Descriptor::State {
  host::UniqueFd fd;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
  std::uint32_t wanted = 0;   // for which there is to be a call
  std::uint32_t watched = 0;  // by the kernel
  bool known = false;         // to the kernel
  bool gone = false;          // its owner is
  Sign* sign = nullptr;       // what memory shows of it, before the kernel does
  bool is_looked_at = false;  // the sign, which the kernel stands in for only while the loop sleeps
};

/// The loop of a Reactor, which ends when nobody can be inside any more.
class Reactor::Loop final : public sched::Outside {
 public:
  using Work = std::function<void()>;
  static constexpr std::uint32_t readable = EPOLLIN | EPOLLRDHUP;
  static constexpr std::uint32_t writable = EPOLLOUT;

  explicit Loop(std::chrono::nanoseconds spin);
  ~Loop() = default;

  void run() noexcept;
  void stop();
  void post(Work work);
  /// Drops what has not been run, and what comes later. When nobody runs it any more.
  void close() noexcept;
  /// From now on what is due there is done here.
  void keep(mail::DeadlineClock& clock) noexcept;
  /// Something is due at a time that the loop may not know yet.
  void be_awake_at(std::int64_t due_ns) noexcept;

  // On the loop's thread, or while none runs it.

  void admit_visitors(bool admitted) noexcept { admits_.store(admitted, std::memory_order_relaxed); }
  AlarmKey add_alarm(std::int64_t at_ns, Work work);
  void remove_alarm(AlarmKey key) noexcept { alarms_.erase(key); }
  void add(Descriptor::State& state);
  void want(Descriptor::State& state, std::uint32_t events);
  void remove(std::shared_ptr<Descriptor::State> state, int fd) noexcept;

  // Of visitors.

  bool enter() noexcept override;
  void expect() noexcept override {
    if (admits_.load(std::memory_order_relaxed)) visitor_comes_.store(true, std::memory_order_relaxed);
  }
  [[gnu::hot]] void sleep() noexcept override;
  [[gnu::hot]] void look() noexcept override;
  void interrupt() noexcept override;
  [[gnu::hot]] void serve_and_leave() noexcept override;
  void hand_over() noexcept override;

 private:
  static constexpr std::size_t events_max = 64;       // of one look
  static constexpr std::size_t signs_max = 48;        // of those
  static constexpr int looks_past_kernel_max = 16;    // in a row, at signs that show something
  static constexpr std::int64_t give_way_ns = 2'000;  // how often one that looks asks the kernel, and gives way to others

  void watch(Descriptor::State& state, std::uint32_t events);
  [[gnu::hot]] void serve() noexcept;
  [[gnu::hot]] void serve(Descriptor::State& state, std::uint32_t events);
  [[gnu::hot]] void look_at_signs() noexcept;
  [[gnu::hot]] void leave_signs_to_kernel() noexcept;
  [[gnu::hot]] void ask_kernel(timespec const* limit) noexcept;
  [[gnu::hot]] void spin() noexcept;
  [[gnu::hot]] void doze() noexcept;
  void run_posted();
  void run_alarms();
  void run_clock();
  std::int64_t clock_due_ns() const noexcept;
  std::int64_t due_ns() const noexcept;

  host::UniqueFd events_;   // the kernel's queue of them
  host::UniqueFd whistle_;  // an eventfd that ends a sleep; nobody reads it
  Baton baton_;
  std::atomic<bool> admits_{false};
  std::atomic<bool> visitor_comes_{false};  // soon, and may have the baton
  std::atomic<bool> stopped_{false};
  std::atomic<mail::DeadlineClock*> clock_{nullptr};
  std::atomic<std::int64_t> sleeps_until_ns_{0};  // 0: nobody sleeps, and who does next looks at what is due first
  std::atomic<bool> interrupted_{false};          // who sleeps, or who does next

  std::mutex posted_mutex_;
  std::vector<Work> posted_;
  bool closed_ = false;
  std::atomic<bool> any_posted_{false};

  // Of the thread that has the baton.
  std::array<epoll_event, events_max> ready_;
  std::size_t ready_count_ = 0;
  std::vector<Descriptor::State*> signs_;  // that are looked at
  int looks_past_kernel_ = 0;
  Spin spin_;
  std::map<AlarmKey, Work> alarms_;
  std::uint64_t alarms_numbered_ = 0;
  std::vector<std::shared_ptr<Descriptor::State>> removed_;  // while events of theirs may be in ready_
};

}  // namespace corps::net
