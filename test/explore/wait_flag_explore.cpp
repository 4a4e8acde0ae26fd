// Two ends of a stream that wait for each other, in every order of their operations.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

#include "test/explore/explorer.hpp"

// The real source, on memory that the explorer watches.
#define atomic explored_atomic
#include "corps/detail/wait_flag.hpp"  // NOLINT: that is the point
#undef atomic

namespace wait_flag_explore {

using corps::detail::WaitFlag;
using explore::the;

/// One end: how far the other may go, and the mailbox for its one envelope.
struct End {
  WaitFlag flag;
  explore::Atomic<int> limit{0};
  explore::Atomic<int> mailbox{0};

  /// Its own thread goes on when it may do more than `done`.
  void wait_beyond(int done) {
    while (flag.must_wait([&] { return limit.load() > done; })) {
      the().point([this] { return mailbox.now() != 0; });
      mailbox.fetch_sub(1);
      flag.arrived();
    }
  }
  /// An envelope may come between two waits as well, and is taken out then.
  void look() {
    if (mailbox.load() == 0) return;
    mailbox.fetch_sub(1);
    flag.arrived();
  }
  /// The other thread lets it go on.
  void allow(int to) {
    limit.store(to);
    if (!flag.takes_a_wake()) return;
    if (mailbox.fetch_add(1) != 0) the().fail("the one envelope is sent twice");
  }
};

struct World {
  alignas(End) std::byte producer_memory[sizeof(End)];
  alignas(End) std::byte consumer_memory[sizeof(End)];
  int read;

  End& producer() { return *std::launder(reinterpret_cast<End*>(producer_memory)); }
  End& consumer() { return *std::launder(reinterpret_cast<End*>(consumer_memory)); }
  void make(int window) {
    std::memset(static_cast<void*>(this), 0, sizeof(*this));
    new (producer_memory) End;
    new (consumer_memory) End;
    producer().limit.store(window);
  }
};

World world;

void produce(int items) {
  for (int written = 0; written < items; ++written) {
    if (world.producer().limit.load() <= written) world.producer().wait_beyond(written);
    world.consumer().allow(written + 1);
    world.producer().look();
  }
}

void consume(int items, int window) {
  while (world.read < items) {
    if (world.consumer().limit.load() <= world.read) world.consumer().wait_beyond(world.read);
    ++world.read;
    world.producer().allow(world.read + window);
    world.consumer().look();
  }
}

TEST_CASE("neither end of a stream waits while it may go on") {
  int const items_max = std::getenv("TEST_FULL") != nullptr ? 5 : 3;
  for (int const window : {1, 2}) {
    for (int items = 1; items <= items_max; ++items) {
      CAPTURE(window);
      CAPTURE(items);
      auto const result = the().run(
          {std::as_writable_bytes(std::span{&world, 1})}, [&] { world.make(window); },
          {[&] { produce(items); }, [&] { consume(items, window); }},
          [&] {
            if (world.read != items) the().fail("an end waits, and nobody wakes it");
          });
      REQUIRE_MESSAGE(result.failure.empty(), result.failure);
      CHECK(result.states > 10);
    }
  }
}

}  // namespace wait_flag_explore
