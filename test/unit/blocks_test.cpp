#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "env/mail/internal/blocks.hpp"
#include "test/unit/runtime_kit.hpp"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace blocks_test {
constinit thread_local std::uint64_t news = 0;  // of this thread

void* counted(std::size_t bytes) {
  ++news;
  if (auto* const block = std::malloc(bytes == 0 ? 1 : bytes)) return block;
  throw std::bad_alloc{};
}
}  // namespace blocks_test

void* operator new(std::size_t bytes) { return blocks_test::counted(bytes); }
void* operator new[](std::size_t bytes) { return blocks_test::counted(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

namespace blocks_test {
constexpr bool keeps_blocks = true;
}
#else
namespace blocks_test {
constexpr std::uint64_t news = 0;
constexpr bool keeps_blocks = false;  // each is an allocation that the sanitizer sees
}  // namespace blocks_test
#endif

namespace blocks_test {

using namespace runtime_kit;

struct Point {
  double x = 0;
  double y = 0;
};

class Plotter : public corps::Conc {
 public:
  Point plain(Point point, std::int32_t by) { return {point.x + by, point.y + by}; }
  corps::Task<Point> task(Point point) { co_return point; }
  void tell_me(Point) {}
};

/// What the thread of an Env of one thread has taken so far, from operator new or from what it keeps.
std::uint64_t taken() { return news + corps::mail::blocks_taken_here(); }

class Counter : public corps::Conc {
 public:
  explicit Counter(corps::Name<Plotter> plotter) : plotter_(plotter) {}

  corps::Task<std::uint64_t> blocks_of_plain(std::uint32_t calls) {
    auto const before = taken();
    for (; calls > 0; --calls) co_await plotter_.call<&Plotter::plain>(Point{1, 2}, 3);
    co_return taken() - before;
  }
  corps::Task<std::uint64_t> blocks_of_task(std::uint32_t calls) {
    auto const before = taken();
    for (; calls > 0; --calls) co_await plotter_.call<&Plotter::task>(Point{1, 2});
    co_return taken() - before;
  }
  corps::Task<std::uint64_t> blocks_of_tell(std::uint32_t tells) {
    auto const before = taken();
    for (; tells > 0; --tells) plotter_.tell<&Plotter::tell_me>(Point{1, 2});
    co_await plotter_.call<&Plotter::plain>(Point{1, 2}, 3);
    co_return taken() - before;
  }

 private:
  corps::Name<Plotter> plotter_;
};

TEST_CASE("a call takes one block, its answer none; a Task one more") {
  Running const corps{{"env.threads=1"}};
  auto const plotter = corps::create<Plotter>(corps::here()).get();
  auto const counter = corps::create<Counter>(corps::here(), plotter).get();
  constexpr std::uint32_t calls = 200;
  counter.call<&Counter::blocks_of_plain>(calls).get();  // from now on there are blocks
  counter.call<&Counter::blocks_of_task>(calls).get();
  counter.call<&Counter::blocks_of_tell>(30U).get();
  CHECK(counter.call<&Counter::blocks_of_plain>(calls).get() == calls);
  CHECK(counter.call<&Counter::blocks_of_task>(calls).get() == 2 * calls);
  CHECK(counter.call<&Counter::blocks_of_tell>(30U).get() == 31);
}

TEST_CASE("blocks are kept for the next who takes one") {
  using corps::detail::give_block;
  using corps::detail::take_block;
  auto* const first = take_block(100);
  give_block(first, 100);
  auto* const second = take_block(97);  // of the same size, rounded up
  if (keeps_blocks) CHECK(first == second);
  give_block(second, 97);
  auto* const large = take_block(corps::detail::block_bytes_max + 1);
  give_block(large, corps::detail::block_bytes_max + 1);
}

TEST_CASE("blocks that one thread takes and another gives back go round, and what is kept is bounded") {
  constexpr std::size_t bytes = corps::detail::block_bytes_max;
  constexpr std::size_t many = 2 * corps::mail::shared_bytes_max / bytes;
  std::vector<void*> blocks(many);
  for (auto& block : blocks) block = corps::detail::take_block(bytes);
  std::thread{[&] {
    for (auto* block : blocks) corps::detail::give_block(block, bytes);
  }}.join();
  auto const kept = corps::mail::shared_block_bytes();
  CHECK(kept <= corps::mail::shared_bytes_max);
  if (!keeps_blocks) return;
  CHECK(kept > corps::mail::shared_bytes_max / 2);
  for (std::size_t i = 0; i < many / 4; ++i) blocks[i] = corps::detail::take_block(bytes);
  auto const left = corps::mail::shared_block_bytes();
  CHECK(left < kept);
  // Also to a thread that never gives one back, such as one that makes what comes from another Env.
  std::thread{[&] {
    for (std::size_t i = many / 4; i < many / 2; ++i) blocks[i] = corps::detail::take_block(bytes);
  }}.join();
  CHECK(corps::mail::shared_block_bytes() < left);
  for (std::size_t i = 0; i < many / 2; ++i) corps::detail::give_block(blocks[i], bytes);
}

}  // namespace blocks_test
