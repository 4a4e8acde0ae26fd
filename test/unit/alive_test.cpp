// Whether a Worker lives and goes on.

#include <vector>

#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace alive_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

class Waiter : public corps::Conc {
 public:
  corps::Task<> wait_long() { co_await corps::sleep_for(1h); }
  void get_of(corps::Name<Waiter> other) { other.call<&Waiter::wait_long>().get(); }
  corps::Task<bool> ask(corps::Name<Waiter> other) { co_return co_await corps::alive(other); }
  int quick() { return 1; }
};

TEST_CASE("a Worker that waits lives, ahead of all that waits at it") {
  Running corps({"env.threads=1"});
  auto idle = corps::create<Waiter>(corps::here()).get();
  auto awaits = corps::create<Waiter>(corps::here()).get();
  auto blocks = corps::create<Waiter>(corps::detached).get();
  CHECK(corps::alive(idle).get());
  std::vector<corps::Future<int>> behind;
  auto first = awaits.call<&Waiter::wait_long>();
  auto second = blocks.call<&Waiter::get_of>(awaits);
  for (int i = 0; i < 100; ++i) behind.push_back(awaits.call<&Waiter::quick>());
  for (int i = 0; i < 100; ++i) behind.push_back(blocks.call<&Waiter::quick>());
  CHECK(corps::alive(awaits).get());
  CHECK(corps::alive(blocks).get());
  CHECK(idle.call<&Waiter::ask>(awaits).get());
  for (auto const& call : behind) CHECK_FALSE(call.ready());
  corps::exit(awaits).get();
  CHECK_FALSE(corps::alive(awaits).get());
  CHECK_FALSE(idle.call<&Waiter::ask>(awaits).get());
  CHECK_FALSE(corps::alive(corps::Name<Waiter>{{0, corps::ConcId{77}}}).get());
}

TEST_CASE("a Worker in the middle of a step does not answer") {
  Running corps;
  Holder::Events events;
  auto holder = corps::create<Holder>(corps::here()).get();
  auto holds = holder.call<&Holder::hold>(handle(events));
  CHECK(events.entered.wait());
  auto patient = corps::alive(holder);
  CHECK(error_of(corps::alive(holder, 5ms)).code == corps::Errc::timeout);
  { auto const dropped = corps::alive(holder); }
  CHECK_FALSE(patient.ready());
  events.release.happen();
  CHECK(patient.get());
  CHECK(holds.get() == 1);
}

TEST_CASE("under the twin a probe ends once, whatever the Worker does") {
  twin_kit::for_seeds(20, [](twin_kit::Twin&) {
    auto waiter = corps::create<Waiter>(corps::here()).get();
    auto asks = corps::create<Waiter>(corps::here()).get();
    auto before = asks.call<&Waiter::ask>(waiter);
    auto end = corps::exit(waiter).ended();
    auto meanwhile = corps::alive(waiter);
    (void)before.get();
    (void)meanwhile.get();
    end.get();
    CHECK_FALSE(corps::alive(waiter).get());
  });
}

}  // namespace alive_test
