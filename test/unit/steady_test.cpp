// After very many calls, heap, blocks and threads are where they were. TEST_CALLS says how many calls; each tenth of them throws.

#include <malloc.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "env/mail/internal/blocks.hpp"
#include "test/unit/runtime_kit.hpp"

namespace steady_test {

using namespace runtime_kit;

class Target : public corps::Conc {
 public:
  int plain(int n) { return n; }
  corps::Task<int> task(int n) { co_return n; }
  int fails(int) { throw std::out_of_range{"on purpose"}; }
};

class Caller : public corps::Conc {
 public:
  corps::Task<int> call(corps::Name<Target> target, int count) {
    int ended = 0;
    for (int i = 0; i < count; ++i) {
      auto answer = i % 2 == 0 ? target.call<&Target::plain>(i) : target.call<&Target::task>(i);
      int const value = co_await answer;
      ended += value == i ? 1 : 0;
    }
    co_return ended;
  }
  corps::Task<int> fail(corps::Name<Target> target, int count) {
    int failed = 0;
    for (int i = 0; i < count; ++i) {
      auto answer = target.call<&Target::fails>(i);
      try {
        (void)co_await answer;
      } catch (corps::RemoteError const&) {
        ++failed;
      }
    }
    co_return failed;
  }
};

struct Use {
  std::int64_t heap = 0;
  std::int64_t shared_blocks = 0;
  std::int64_t threads = 0;
};

Use use() {
  Use now;
  now.heap = static_cast<std::int64_t>(mallinfo2().uordblks);
  now.shared_blocks = static_cast<std::int64_t>(corps::mail::shared_block_bytes());
  for ([[maybe_unused]] auto const& each : std::filesystem::directory_iterator{"/proc/self/task"}) ++now.threads;
  return now;
}

int calls_wanted() {
  auto const* const text = std::getenv("TEST_CALLS");
  return text == nullptr ? 100'000 : std::atoi(text);
}

TEST_CASE("heap, blocks and threads return to where they were") {
  Running corps;
  auto target = corps::create<Target>(corps::here()).get();
  auto caller = corps::create<Caller>(corps::here()).get();
  auto const run = [&](int calls) {
    auto const ended = caller.within(corps::no_deadline).call<&Caller::call>(target, calls).get();
    auto const failed = caller.within(corps::no_deadline).call<&Caller::fail>(target, calls / 10).get();
    CHECK(ended == calls);
    CHECK(failed == calls / 10);
  };
  run(5'000);  // makes what is kept
  auto const before = use();
  run(calls_wanted());
  auto const after = use();
  INFO("heap " << before.heap << " to " << after.heap << ", shared blocks " << before.shared_blocks << " to "
               << after.shared_blocks << ", threads " << before.threads << " to " << after.threads);
  constexpr std::int64_t kept_by_threads = 1 << 20;  // blocks that the threads keep for the next call
  CHECK(after.heap - before.heap < kept_by_threads);
  CHECK(after.shared_blocks - before.shared_blocks < kept_by_threads);
  CHECK(after.threads == before.threads);
}

}  // namespace steady_test
