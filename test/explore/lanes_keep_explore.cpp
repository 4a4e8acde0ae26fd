// Lanes that keep the last job of their queue, in every order of operations: nobody sleeps while it waits behind one that takes
// long.

#define CORPS_JOBS_IN_RING 1
#include "test/explore/lanes_explore.hpp"

namespace lanes_explore {

TEST_CASE("what a lane keeps is taken when its thread is stuck, whatever else comes meanwhile") {
  explore_program({.threads = 1, .queue = "l", .keeps = true});
  explore_program({.threads = 2, .queue = "l", .keeps = true}, 0);
  explore_program({.outside = {"e"}, .threads = 1, .queue = "e", .keeps = true});
  explore_program({.threads = 1, .slot = "e", .queue = "l", .keeps = true});
  if (!in_full()) return;
  explore_program({.outside = {"e"}, .threads = 2, .queue = "e", .keeps = true}, 0);
  explore_program({.outside = {"l"}, .threads = 2, .queue = "l", .keeps = true}, 0);
  explore_program({.threads = 2, .queue = "ll", .keeps = true});
}

TEST_CASE("what a lane keeps no more is not forgotten, whoever has seen that it did") {
  explore_program({.threads = 1, .queue = "l", .keeps = true, .expires = true});
  explore_program({.threads = 1, .slot = "e", .queue = "e", .keeps = true, .expires = true});
  if (!in_full()) return;
  explore_program({.threads = 2, .queue = "l", .keeps = true, .expires = true}, 0);
}

TEST_CASE("what a lane keeps whose thread goes on is not forgotten when it blocks, or when the time is over") {
  explore_program({.outside = {"ne"}, .threads = 2, .keeps = true}, 0);
  if (!in_full()) return;
  explore_program({.outside = {"be"}, .threads = 2, .keeps = true}, 0);
  explore_program({.outside = {"nwe"}, .threads = 2, .keeps = true}, 0);
}

}  // namespace lanes_explore
