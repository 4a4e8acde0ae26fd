#include "env/net/internal/reactor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/deadline_clock.hpp"

namespace corps::net {
namespace net_reactor_test {

using namespace std::chrono_literals;
using Done = std::binary_semaphore;

constexpr auto far_away = std::chrono::hours{1};
constexpr auto hang_limit = 10s;

/// A loop with its own thread.
class Running {
 public:
  Running() : thread_([this] { reactor.run(); }) {}
  ~Running() {
    reactor.stop();
    thread_.join();
  }
  /// Runs `work` as a callback, and waits until it has run.
  template <class Work>
  void on_loop(Work work) {
    Done done{0};
    reactor.post([&] {
      work();
      done.release();
    });
    REQUIRE(done.try_acquire_for(hang_limit));
  }
  /// As a thread without work does: is let in when the loop's own thread has made way.
  void enter(sched::Outside& outside) {
    while (!outside.enter()) {
      outside.expect();
      on_loop([] {});
    }
  }

  Reactor reactor;
  std::thread::id own_thread() const { return thread_.get_id(); }

 private:
  std::thread thread_;
};

host::UniqueFd event() { return host::UniqueFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}; }
void raise(int fd) { REQUIRE(::eventfd_write(fd, 1) == 0); }

TEST_CASE("reactor: what is posted runs in order, and by itself") {
  Running running;
  std::string order;
  running.on_loop([&] {
    running.reactor.post([&] {
      order += 'a';
      running.reactor.post([&] { order += 'c'; });
    });
    running.reactor.post([&] { order += 'b'; });
  });
  running.on_loop([] {});  // until a and b have run
  running.on_loop([] {});
  CHECK(order == "abc");
}

TEST_CASE("reactor: an arm is one call, and a descriptor that nobody arms costs nothing") {
  Running running;
  std::optional<Descriptor> descriptor;
  std::counting_semaphore<> calls{0};
  auto fd = event();
  auto const raw = fd.get();
  running.on_loop([&] {
    descriptor.emplace(
        running.reactor, std::move(fd), [&] { calls.release(); }, [] {});
    descriptor->arm_read();
  });
  raise(raw);
  REQUIRE(calls.try_acquire_for(hang_limit));
  for (int i = 0; i < 3; ++i) running.on_loop([] {});  // it is readable all the time
  CHECK(!calls.try_acquire());
  running.on_loop([&] { descriptor->arm_read(); });
  CHECK(calls.try_acquire_for(hang_limit));  // it is still
  running.on_loop([&] { descriptor.reset(); });
}

TEST_CASE("reactor: the end of a descriptor is told to who waits, and to nobody else") {
  Running running;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  host::UniqueFd writer{ends[1]};
  std::optional<Descriptor> descriptor;
  Done ended{0};
  running.on_loop([&] {
    descriptor.emplace(
        running.reactor, host::UniqueFd{ends[0]}, [&] { ended.release(); }, [] {});
  });
  writer.reset();
  for (int i = 0; i < 3; ++i) running.on_loop([] {});
  CHECK(!ended.try_acquire());
  running.on_loop([&] { descriptor->arm_read(); });
  CHECK(ended.try_acquire_for(hang_limit));
  running.on_loop([&] { descriptor.reset(); });
}

TEST_CASE("reactor: a descriptor may end in its own callback, and take another with it") {
  Running running;
  std::array<std::optional<Descriptor>, 2> descriptors;
  std::array<int, 2> fds{};
  std::atomic<int> calls{0};
  running.on_loop([&] {
    for (std::size_t i = 0; i < 2; ++i) {
      auto fd = event();
      fds[i] = fd.get();
      raise(fds[i]);  // both are in one look
      auto const end_all = [&] {
        ++calls;
        for (auto& each : descriptors) each.reset();
      };
      descriptors[i].emplace(running.reactor, std::move(fd), end_all, [] {});
      descriptors[i]->arm_read();
    }
  });
  running.on_loop([] {});
  running.on_loop([] {});
  CHECK(calls == 1);
}

TEST_CASE("reactor: a file that cannot be waited for is refused") {
  Reactor reactor;
  host::UniqueFd file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  CHECK_THROWS_AS(Descriptor(
                      reactor, std::move(file), [] {}, [] {}),
                  std::system_error);
}

TEST_CASE("reactor: alarms ring in their order, and not when they were called off") {
  Running running;
  std::string order;
  Done done{0};
  std::optional<Timer> first;
  std::optional<Timer> second;
  std::optional<Timer> never;
  running.on_loop([&] {
    for (auto* const timer : {&first, &second, &never}) timer->emplace(running.reactor);
    never->start(1ms, [&] { order += 'x'; });
    second->start(3ms, [&] {
      order += '2';
      CHECK(!second->running());
      second.reset();
      done.release();
    });
    first->start(far_away, [&] { order += 'x'; });
    first->start(2ms, [&] { order += '1'; });
    never->cancel();
    CHECK(first->running());
    CHECK(!never->running());
  });
  REQUIRE(done.try_acquire_for(hang_limit));
  CHECK(order == "12");
  running.on_loop([&] {
    first.reset();
    never.reset();
  });
}

TEST_CASE("reactor: a visitor does what comes; when it stays away, the loop's own thread steps in") {
  Running running;
  auto const outside = running.reactor.outside();
  CHECK(!outside->enter());  // it is not worth it
  running.on_loop([&] { running.reactor.admit_visitors(true); });
  std::optional<Descriptor> descriptor;
  std::atomic<std::thread::id> served_by;  // what the event of a descriptor orders, the thread sanitizer does not see
  std::binary_semaphore served{0};
  auto fd = event();
  auto const raw = fd.get();
  auto const on_readable = [&] {
    served_by = std::this_thread::get_id();
    eventfd_t count = 0;
    CHECK(::eventfd_read(raw, &count) == 0);
    descriptor->arm_read();
    served.release();
  };
  running.on_loop([&] {
    descriptor.emplace(running.reactor, std::move(fd), on_readable, [] {});
    descriptor->arm_read();
  });
  std::thread visitor([&] {
    running.enter(*outside);
    raise(raw);
    outside->sleep();
    outside->serve_and_leave();
    CHECK(served.try_acquire());
    CHECK(served_by.load() == std::this_thread::get_id());
  });
  visitor.join();
  // Nobody comes any more.
  raise(raw);
  REQUIRE(served.try_acquire_for(hang_limit));
  CHECK(served_by.load() == running.own_thread());
  running.on_loop([&] { descriptor.reset(); });
}

TEST_CASE("reactor: the loop's own thread makes way for nobody who would not be let in") {
  Running running;
  auto const outside = running.reactor.outside();
  bool entered = false;
  for (int i = 0; i < 10 && !entered; ++i) {
    running.on_loop([&] {
      outside->expect();
      running.reactor.admit_visitors(true);
    });
    for (auto const end = std::chrono::steady_clock::now() + 200us; std::chrono::steady_clock::now() < end;)
      std::this_thread::yield();  // it would have made way by now, and would not be back yet
    entered = outside->enter();
    if (entered) outside->serve_and_leave();
    running.on_loop([&] { running.reactor.admit_visitors(false); });
  }
  CHECK(!entered);
}

/// An eventfd and what memory shows of it.
class Mark final : public Sign {
 public:
  bool has_come() const noexcept override { return marked_; }
  bool leave_to_kernel() noexcept override {
    left_ = true;
    return !marked_;
  }

  void set() {
    marked_ = true;
    if (left_.exchange(false)) raise(raw);
  }
  void take() { marked_ = false; }

  host::UniqueFd fd = event();
  int const raw = fd.get();

 private:
  std::atomic<bool> marked_{false};
  std::atomic<bool> left_{true};
};

TEST_CASE("reactor: what a sign shows is served without the kernel, and with it once the loop sleeps") {
  constexpr int rounds = 40;
  Running running;
  Mark mark;
  std::optional<Descriptor> descriptor;
  std::counting_semaphore<> served{0};
  running.on_loop([&] {
    descriptor.emplace(
        running.reactor, std::move(mark.fd),
        [&] {
          mark.take();
          descriptor->arm_read();
          served.release();
        },
        mark);
    descriptor->arm_read();
  });
  SUBCASE("by the loop's own thread") {
    for (int i = 0; i < rounds; ++i) {
      mark.set();
      REQUIRE(served.try_acquire_for(hang_limit));
    }
  }
  SUBCASE("by a visitor") {
    auto const outside = running.reactor.outside();
    running.on_loop([&] { running.reactor.admit_visitors(true); });
    running.enter(*outside);
    mark.set();
    outside->look();
    outside->serve_and_leave();
    CHECK(served.try_acquire());
    for (int i = 0; i < rounds; ++i) {
      std::thread setter{[&] { mark.set(); }};
      bool was_served = false;
      while (!was_served) {
        running.enter(*outside);
        was_served = served.try_acquire();  // by the loop's own thread, which was there first
        if (!was_served) outside->sleep();
        outside->serve_and_leave();
        was_served = was_served || served.try_acquire();
      }
      setter.join();
    }
  }
  running.on_loop([&] { descriptor.reset(); });
}

TEST_CASE("reactor: signs that always show something keep nobody from what only the kernel knows") {
  Running running;
  constexpr std::size_t signs = 100;
  std::vector<Mark> marks(signs);
  std::vector<std::unique_ptr<Descriptor>> marked(signs);
  std::vector<int> calls(signs, 0);
  std::optional<Descriptor> other;
  Done served{0};
  running.on_loop([&] {
    for (std::size_t i = 0; i < signs; ++i) {
      marked[i] = std::make_unique<Descriptor>(
          running.reactor, std::move(marks[i].fd),
          [&, i] {
            ++calls[i];
            marked[i]->arm_read();
          },
          marks[i]);
      marks[i].set();
      marked[i]->arm_read();
    }
    auto fd = event();
    raise(fd.get());
    other.emplace(
        running.reactor, std::move(fd), [&] { served.release(); }, [] {});
    other->arm_read();
  });
  CHECK(served.try_acquire_for(hang_limit));
  Done all{0};
  std::function<void()> const look = [&] {
    std::ranges::find(calls, 0) == calls.end() ? all.release() : running.reactor.post(look);
  };
  running.reactor.post(look);
  CHECK(all.try_acquire_for(hang_limit));
  running.on_loop([&] {
    other.reset();
    marked.clear();
  });
}

TEST_CASE("spin: it is tried now and then, goes on where it pays, and not where others want the core") {
  auto const sleeps_until = [](Spin& spin, int most) {
    for (int sleeps = 1; sleeps <= most; ++sleeps)
      if (spin.begins()) return sleeps;
    return 0;
  };
  Spin never{0ns};
  CHECK(sleeps_until(never, 10'000) == 0);
  Spin spin{50us};
  if (spin.budget_ns() == 0) return;  // this process has one core
  auto const between_tries = sleeps_until(spin, 100);
  CHECK(between_tries > 1);
  CHECK(spin.begins());  // it was broken off
  spin.was_in_vain();
  CHECK(sleeps_until(spin, 100) == between_tries);
  for (int i = 0; i < 3; ++i) {
    spin.paid();
    CHECK(spin.begins());
  }
  for (int i = 0; i < 2; ++i) {
    spin.was_in_vain();
    CHECK(spin.begins());
  }
  spin.was_in_vain();
  CHECK(sleeps_until(spin, 100) == between_tries);
  spin.paid();
  CHECK(spin.begins());
  spin.was_disturbed();
  CHECK(sleeps_until(spin, 1'000) > between_tries);
}

/// For this thread and those that it starts, a system call fails as it does on a kernel that does not know it.
void forget_system_call(unsigned number) {
  std::array program{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                     sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                     sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog const filter{program.size(), program.data()};
  REQUIRE(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  REQUIRE(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

std::chrono::nanoseconds used_by_this_thread() {
  timespec used{};
  REQUIRE(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

TEST_CASE("reactor: on a kernel without epoll_pwait2 it sleeps all the same") {
  std::thread{[] {
    forget_system_call(SYS_epoll_pwait2);
    Running running;
    std::chrono::nanoseconds used{};
    running.on_loop([&] { used = used_by_this_thread(); });
    Done due{0};
    constexpr auto pause = 50ms;
    auto const begin = std::chrono::steady_clock::now();
    running.reactor.after(pause, [&] { due.release(); });
    REQUIRE(due.try_acquire_for(hang_limit));
    CHECK(std::chrono::steady_clock::now() - begin >= pause);
    running.on_loop([&] { used = used_by_this_thread() - used; });
    CHECK(used < pause / 4);
  }}.join();
}

TEST_CASE("reactor: a visitor is interrupted by what is posted, and runs it") {
  Running running;
  auto const outside = running.reactor.outside();
  running.on_loop([&] { running.reactor.admit_visitors(true); });
  std::thread::id ran_on;
  std::thread visitor([&] {
    running.enter(*outside);
    running.reactor.post([&] { ran_on = std::this_thread::get_id(); });
    outside->sleep();
    outside->serve_and_leave();
    CHECK(ran_on == std::this_thread::get_id());
    outside->hand_over();
  });
  visitor.join();
  running.on_loop([&] { ran_on = std::this_thread::get_id(); });
  CHECK(ran_on == running.own_thread());
}

struct Chime final : detail::Alarm {
  void ring() noexcept override {
    rung_on = std::this_thread::get_id();
    rung.release();
  }
  void given_back() noexcept override {}
  Done rung{0};
  std::thread::id rung_on;
};

/// A clock in a running loop.
struct Ticking {
  std::optional<Running> running{std::in_place};
  mail::DeadlineClock clock{running->reactor.waker()};

  Ticking() { running->reactor.keep(clock); }
  ~Ticking() { running.reset(); }
  void set(Chime& chime, std::chrono::nanoseconds delay) {
    CHECK(clock.set_alarm(chime, detail::now_ns() + delay.count(), false) == detail::Alarmed::set);
  }
};

// A machine that stands still for some milliseconds makes a time late, and then the clock's own thread does what is due: so these
// look for one of many that came in time.
TEST_CASE("reactor: whoever runs the loop does what is due at the clock, also what is due sooner than all before") {
  constexpr int tries = 1'000;
  Chime late;
  Ticking ticking;
  ticking.set(late, far_away);
  bool by_own_thread = false;
  for (int i = 0; i < tries && !by_own_thread; ++i) {
    Chime early;
    ticking.set(early, 1ms);
    REQUIRE(early.rung.try_acquire_for(hang_limit));
    by_own_thread = early.rung_on == ticking.running->own_thread();
  }
  CHECK(by_own_thread);

  auto const outside = ticking.running->reactor.outside();
  ticking.running->on_loop([&] { ticking.running->reactor.admit_visitors(true); });
  bool by_visitor = false;
  std::thread visitor([&] {
    for (int i = 0; i < tries && !by_visitor; ++i) {
      ticking.running->enter(*outside);
      Chime chime;
      ticking.set(chime, 1ms);
      auto const due_ns = ticking.clock.due_ns();
      do {
        outside->sleep();  // what let this thread in may have left an interruption behind
      } while (detail::now_ns() < due_ns);
      outside->serve_and_leave();
      REQUIRE(chime.rung.try_acquire_for(hang_limit));
      by_visitor = chime.rung_on == std::this_thread::get_id();
    }
  });
  visitor.join();
  CHECK(by_visitor);
  CHECK(late.rung_on == std::thread::id{});
}

TEST_CASE("reactor: a callback that does not return holds up nothing that is due at the clock") {
  Ticking ticking;
  Chime chime;
  Done done{0};
  ticking.running->reactor.post([&] {
    ticking.set(chime, 1ms);
    CHECK(chime.rung.try_acquire_for(hang_limit));
    CHECK(chime.rung_on != std::this_thread::get_id());
    done.release();
  });
  CHECK(done.try_acquire_for(hang_limit));
}

TEST_CASE("reactor: stop waits for the visitor, and then nobody is let in") {
  std::optional<Running> running{std::in_place};
  auto const outside = running->reactor.outside();
  running->on_loop([&] { running->reactor.admit_visitors(true); });
  Done inside{0};
  std::atomic<bool> left{false};
  std::thread visitor([&] {
    running->enter(*outside);
    inside.release();
    outside->sleep();
    left = true;
    outside->serve_and_leave();
  });
  REQUIRE(inside.try_acquire_for(hang_limit));
  running.reset();
  CHECK(left);
  CHECK(!outside->enter());
  visitor.join();
}

}  // namespace net_reactor_test
}  // namespace corps::net
