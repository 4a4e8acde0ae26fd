// The end of Workers: who learns of it, how, and that none comes back.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/watchers.hpp"
#include "env/mail/internal/workers.hpp"
#include "test/kit/twin.hpp"
#include "test/unit/runtime_kit.hpp"

namespace watch_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::EndedHow;
using corps::Ending;
using corps::Errc;

class Mortal : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  int one() { return 1; }
  int leave() {
    corps::exit_self();
    return 2;
  }
  void exit_own_name() { corps::exit(corps::name_of(*this)); }
  corps::Task<> wait_long() { co_await corps::sleep_for(1h); }
  bool waits_for_itself() {
    try {
      (void)corps::exit(corps::name_of(*this)).ended();
    } catch (std::logic_error const&) {
      return true;
    }
    return false;
  }
};

class Failing : public corps::Conc {
 public:
  corps::Task<> on_main() override {
    co_await corps::sleep_for(2ms);
    throw std::runtime_error("no more");
  }
};

class Watcher : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<corps::Name<Mortal>> make() { co_return co_await corps::create<Mortal>(corps::here()); }
  corps::Task<Ending> end(corps::Name<Mortal> name) { co_return co_await corps::exit(name); }
  corps::Task<Ending> see(corps::Name<Mortal> name) { co_return co_await corps::watch(name); }
  void keep(corps::Name<Mortal> name) { kept_.push_back(corps::watch(name)); }
  void forget() { kept_.clear(); }

 private:
  std::vector<corps::Future<Ending>> kept_;
};

TEST_CASE("whoever watches learns once how a Worker ended") {
  Running corps;
  auto watcher = corps::create<Watcher>(corps::here()).get();
  auto mortal = corps::create<Mortal>(corps::here()).get();
  auto seen = watcher.call<&Watcher::see>(mortal);
  auto here = corps::watch(mortal);
  CHECK_FALSE(here.ready());
  CHECK(mortal.call<&Mortal::leave>().get() == 2);
  CHECK(here.get(patience).how == EndedHow::by_itself);
  CHECK(seen.get(patience).how != EndedHow::failed);
  CHECK(corps::watch(mortal).get(patience).how == EndedHow::before);
  CHECK(corps::watch(corps::Name<Mortal>{}).get(patience).how == EndedHow::before);

  auto own = corps::create<Mortal>(corps::here()).get();
  here = corps::watch(own);
  own.tell<&Mortal::exit_own_name>();
  CHECK(here.get(patience).how == EndedHow::by_itself);

  auto child = watcher.call<&Watcher::make>().get();
  here = corps::watch(child);
  auto const ended = watcher.call<&Watcher::end>(child).get(patience);
  CHECK((ended.how == EndedHow::by_mgr || ended.how == EndedHow::before));  // it may be over before the watch begins
  CHECK(here.get(patience).how == EndedHow::by_mgr);

  auto other = watcher.call<&Watcher::make>().get();
  here = corps::watch(other);
  corps::exit(other);
  CHECK(here.get(patience).how == EndedHow::by_other);

  auto failing = corps::create<Failing>(corps::here()).get();
  auto const failed = corps::watch(failing).get(patience);
  CHECK(failed.how == EndedHow::failed);
  CHECK(failed.text.find("no more") != std::string::npos);
  CHECK(corps::mail::watches() == 0);
}

TEST_CASE("exit can be awaited: then every call ends with WorkerLost, and says whether it may have run") {
  Running corps;
  auto mortal = corps::create<Mortal>(corps::here()).get();
  auto running = mortal.call<&Mortal::wait_long>();
  CHECK(mortal.call<&Mortal::waits_for_itself>().get());
  corps::exit(mortal);
  (void)corps::exit(mortal).get(patience);
  auto const error = error_of(std::move(running));
  CHECK(error.code == Errc::worker_lost);
  CHECK(error.ran == corps::Ran::maybe);
  auto const late = error_of(mortal.call<&Mortal::one>());
  CHECK(late.code == Errc::worker_lost);
  CHECK(late.ran == corps::Ran::no);
  CHECK_THROWS_AS(corps::exit_self(), std::logic_error);
}

TEST_CASE("a watch that is dropped, or whose Worker ends, leaves nothing behind") {
  Running corps;
  auto watcher = corps::create<Watcher>(corps::here()).get();
  auto mortal = corps::create<Mortal>(corps::here()).get();
  for (int i = 0; i < 100; ++i) watcher.call<&Watcher::keep>(mortal).get();
  CHECK(corps::mail::watches() == 100);
  watcher.call<&Watcher::forget>().get();
  CHECK(corps::mail::watches() == 0);
  watcher.call<&Watcher::keep>(mortal).get();
  (void)corps::exit(watcher).get(patience);
  CHECK(corps::mail::watches() == 0);
  auto const last = corps::watch(mortal);
  CHECK(corps::detail::current_cell->open_calls == 1);
}

TEST_CASE("the Env that stops is the reason") {
  std::optional<corps::Future<Ending>> watch;
  {
    Running corps;
    auto mortal = corps::create<Mortal>(corps::here()).get();
    watch = corps::watch(mortal);
  }
  CHECK(watch->get(patience).how == EndedHow::env_stopping);
}

/// Threads that create, call and end Workers, while others hold on to Names of Workers whose places have been used again.
TEST_CASE("a stale Name never means another Worker") {
  Running corps;
  constexpr int rounds = 400;
  std::atomic<corps::ConcId> stale{corps::ConcId::none};
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 2; ++t)
    callers.emplace_back([&] {
      while (!over) {
        corps::Name<Mortal> const name{corps::ConcAddr{0, stale.load()}};
        if (!name) continue;
        try {
          (void)name.within(20s).call<&Mortal::one>().get();
          ++wrong;
        } catch (corps::WorkerLost const& error) {
          if (error.may_have_run()) ++wrong;
        }
        corps::exit(name);
      }
    });
  for (int i = 0; i < rounds; ++i) {
    auto mortal = corps::create<Mortal>(corps::here()).get();
    CHECK(mortal.call<&Mortal::one>().get() == 1);
    auto watch = corps::watch(mortal);
    corps::exit(mortal);
    CHECK(watch.get(patience).how == EndedHow::by_mgr);  // and not by those who end the one before
    stale = mortal.address().conc;
  }
  over = true;
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("watches and ends in every order, under the twin") {
  CHECK(corps::test::for_seeds(40, [](corps::test::Twin& twin) {
    bool right = true;
    twin.run([&] {
      auto watcher = corps::create<Watcher>(corps::here()).get();
      for (int i = 0; i < 5; ++i) {
        auto mortal = corps::create<Mortal>(corps::here()).get();
        auto seen = watcher.call<&Watcher::see>(mortal);
        auto ended = watcher.call<&Watcher::end>(mortal);
        watcher.tell<&Watcher::keep>(mortal);
        auto const how = seen.get().how;
        right = right && (how == EndedHow::by_other || how == EndedHow::before) && ended.get().text.empty();
      }
      watcher.call<&Watcher::forget>().get();
      right = right && corps::mail::watches() == 0;
    });
    return right;
  }));
}

}  // namespace watch_test
