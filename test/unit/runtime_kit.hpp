#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <corps/corps.hpp>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What the tests of the runtime share: a Corps in this process, and events to wait for.
namespace runtime_kit {

/// No wait of a test is longer; a test that gets here has failed.
inline constexpr auto patience = std::chrono::seconds{20};

class Front : public corps::Corps {};

/// A Corps of one Env, in this process, that says nothing.
class Running {
 public:
  explicit Running(std::vector<std::string> settings = {}) : corps_(corps::boot<Front>(options(std::move(settings)))) {}
  int stop() { return corps_.stop(); }

 private:
  static corps::BootOptions options(std::vector<std::string> settings) {
    settings.insert(settings.begin(), {"env.threads=2", "log.level=\"off\""});
    return {{}, std::move(settings), {}};
  }
  corps::Booted<Front> corps_;
};

/// Happens, any number of times.
class Event {
 public:
  void happen() {
    std::lock_guard const lock{mutex_};
    ++times_;
    changed_.notify_all();
  }
  /// False if it did not happen so often within the limit.
  bool wait(int times = 1, std::chrono::nanoseconds limit = patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, limit, [&] { return times_ >= times; });
  }
  int times() {
    std::lock_guard const lock{mutex_};
    return times_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int times_ = 0;
};

/// A Conc whose method keeps its thread until the test lets it go.
class Holder : public corps::Conc {
 public:
  struct Events {
    Event entered;
    Event release;
  };
  int hold(std::uint64_t events) {
    auto& both = *reinterpret_cast<Events*>(events);
    both.entered.happen();
    return both.release.wait() ? 1 : 0;
  }
  int quick() { return ++quick_calls; }
  int quick_calls = 0;
};

/// A pointer as an argument: the tests run in one process.
template <class T>
std::uint64_t handle(T& object) {
  return reinterpret_cast<std::uintptr_t>(&object);
}
template <class T>
T& object_of(std::uint64_t handle) {
  return *reinterpret_cast<T*>(handle);
}

/// Holds a Worker up for the time of a scope.
class Held {
 public:
  Held() : name(corps::create<Holder>(corps::here()).get()), held_(name.call<&Holder::hold>(handle(events_))) {
    REQUIRE(events_.entered.wait());
  }
  ~Held() {
    if (held_.valid()) release();
  }
  void release() {
    events_.release.happen();
    CHECK(held_.get() == 1);
  }
  /// Lets it go, and asks once it has served all that came before.
  int quick_calls() {
    release();
    return name.get<&Holder::quick_calls>().get();
  }

  corps::Name<Holder> const name;

 private:
  Holder::Events events_;
  corps::Future<int> held_;
};

/// The error that a Future ends with; fails the test if it ends with a value.
template <class T>
corps::ErrorInfo error_of(corps::Future<T> future) {
  try {
    (void)future.get(patience);
  } catch (corps::Error const& error) {
    return error.info();
  }
  FAIL("a value came where an error was due");
  return {};
}

/// A plain object's Name as another class than it has, as foreign bytes could make it.
template <class T, class U>
corps::Name<T> disguised(corps::Name<U> const& name) {
  return corps::Name<T>{name.address()};
}

}  // namespace runtime_kit
