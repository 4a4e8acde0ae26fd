// The lanes of the scheduler and the threads that sleep at them, in every order of their operations.

#include "test/explore/lanes_explore.hpp"

namespace lanes_explore {

TEST_CASE("what comes from outside is served once, wherever the threads are just then") {
  explore_program({.outside = {"e", "a"}});
  if (!in_full()) return;
  explore_program({.outside = {"ea", "ne"}});
  explore_program({.outside = {"ee"}, .threads = 2});
  explore_program({.outside = {"ae"}, .threads = 2});
  explore_program({.outside = {"nae"}, .threads = 2}, 0);
}

TEST_CASE("no thread sleeps while a job waits behind one that takes long") {
  explore_program({.outside = {"ll"}, .threads = 2});
  explore_program({.outside = {"we"}, .threads = 2}, in_full() ? 1 : 0);
  explore_program({.outside = {"le"}, .threads = 2, .rests = true});
  if (!in_full()) return;
  explore_program({.outside = {"be"}, .threads = 2});
  explore_program({.outside = {"nwe"}, .threads = 2}, 0);
  explore_program({.outside = {"lee"}, .threads = 2}, 0);
  explore_program({.outside = {"lee"}, .threads = 2, .rests = true}, 0);
  explore_program({.threads = 3, .queue = "lll"});
}

TEST_CASE("what a stuck thread has in its slot and its queue is taken by others") {
  explore_program({.outside = {"e"}, .slot = "e"});
  explore_program({.outside = {"l"}, .threads = 2, .queue = "l"});
  explore_program({.threads = 2, .slot = "l", .queue = "l"});
  explore_program({.threads = 2, .queue = "lee"});  // who steals takes two, and is not there for the second
  explore_program({.outside = {"l"}, .threads = 2, .slot = "l"});
  if (!in_full()) return;
  explore_program({.outside = {"e"}, .threads = 2, .slot = "l", .queue = "e"}, 0);
  explore_program({.threads = 3, .slot = "l", .queue = "ll"}, 0);
}

TEST_CASE("who has work takes its share of what waits in another lane, and nobody sleeps while it waits in the new one") {
  explore_program({.threads = 2, .queue = "leee", .turns = 1024}, 0);
}

TEST_CASE("what a spare thread was woken for does not wait when it retires") {
  explore_program({.outside = {"e"}, .threads = 2, .last_retires = true});
  if (!in_full()) return;
  explore_program({.outside = {"ee"}, .threads = 2, .last_retires = true});
}

TEST_CASE("who waits outside is called for what comes to the lanes") {
  explore_program({.outside = {"e", "a"}, .has_door = true});
  explore_program({.outside = {"e", "a"}, .has_door = true, .visits = true});
  explore_program({.outside = {"ee"}, .threads = 2, .has_door = true, .turns = 1}, 0);
  if (!in_full()) return;
  explore_program({.outside = {"ee"}, .threads = 2, .has_door = true}, 0);
  explore_program({.outside = {"ll"}, .threads = 2, .has_door = true});
  explore_program({.outside = {"nae"}, .threads = 2, .has_door = true}, 0);
  explore_program({.outside = {"l"}, .threads = 2, .slot = "l", .has_door = true});
  explore_program({.outside = {"e"}, .threads = 2, .closes = true, .has_door = true});
}

TEST_CASE("when the lanes close, every thread comes to its end, and what it leaves is found") {
  explore_program({.outside = {"ee"}, .closes = true});
  if (!in_full()) return;
  explore_program({.outside = {"e"}, .threads = 2, .closes = true});
  explore_program({.outside = {"ee"}, .threads = 2, .closes = true});
}

}  // namespace lanes_explore
