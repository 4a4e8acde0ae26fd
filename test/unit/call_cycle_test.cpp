// Requests that wait for each other in a circle: named, soon, and only when they do.

#include <set>

#include "corps/detail/runtime.hpp"
#include "test/unit/runtime_kit.hpp"

namespace call_cycle_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using std::chrono::steady_clock;

/// Passes a call on along a list of others, and calls the last of them on.
class Node : public corps::Conc {
 public:
  using Names = std::vector<corps::Name<Node>>;

  int quick() { return ++count; }
  corps::Task<int> pass(Names way) {
    if (way.empty()) co_return 0;
    auto next = way.front();
    way.erase(way.begin());
    auto const below = co_await next.call<&Node::pass>(way);
    co_return below + 1;
  }
  int pass_get(Names way) {
    if (way.empty()) return 0;
    auto next = way.front();
    way.erase(way.begin());
    return next.call<&Node::pass_get>(way).get() + 1;
  }
  /// Calls the one it is given when both have begun, so that each is busy when the other's call comes.
  corps::Task<int> meet(corps::Name<Node> other, std::uint64_t both, std::uint64_t ended) {
    object_of<Event>(both).happen();
    if (!object_of<Event>(both).wait(2)) co_return -1;
    auto const result = co_await outcome(other);
    object_of<Event>(ended).happen();
    co_return result;
  }
  corps::Task<std::string> wait_for_itself() {
    auto self = corps::name_of(*this);
    auto future = self.call<&Node::quick>();
    try {
      (void)co_await future;
    } catch (corps::CallCycle const& error) {
      co_return error.text();
    }
    co_return "answered";
  }
  std::string get_from_itself() {
    try {
      return std::to_string(corps::name_of(*this).call<&Node::quick>().get());
    } catch (corps::CallCycle const& error) {
      return error.text();
    }
  }
  corps::Task<int> outlive_cycle() {
    (void)co_await wait_for_itself();
    auto self = corps::name_of(*this);
    self.tell<&Node::quick>();
    co_return 7;
  }
  /// The wait begins in a later turn than the call, and closes the circle.
  corps::Task<std::string> wait_late(corps::Name<Node> other, corps::Name<Node> back) {
    Names way{back};
    auto future = other.call<&Node::pass>(way);
    for (int i = 0; i < 100; ++i) (void)co_await helper.call<&Node::quick>();
    try {
      (void)co_await future;
    } catch (corps::CallCycle const& error) {
      co_return error.text();
    } catch (corps::RemoteError const& error) {
      co_return error.text();
    }
    co_return "answered";
  }
  void give(corps::Name<Node> whom) { helper = whom; }
  /// A Task of its own waits for the others; the request waits for the Task.
  corps::Task<int> pass_beside(Names way) {
    auto beside = corps::spawn(pass(std::move(way)));
    co_return co_await beside;
  }
  corps::Task<int> wait_for_holder(corps::Name<Holder> holder, std::uint64_t events) {
    co_return co_await holder.call<&Holder::hold>(events);
  }

  int count = 0;

 private:
  corps::Task<int> outcome(corps::Name<Node> other) {
    auto future = other.call<&Node::quick>();
    try {
      co_return co_await future;
    } catch (corps::CallCycle const&) {
    }
    co_return 0;
  }
  corps::Name<Node> helper;
};

class Interleaved : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  corps::Task<int> twice_around(corps::Name<Interleaved> self, int depth) {
    if (depth == 0) co_return 0;
    auto const below = co_await self.call<&Interleaved::twice_around>(self, depth - 1);
    co_return below + 1;
  }
};

Node::Names make(std::size_t count) {
  Node::Names names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(corps::create<Node>(corps::here()).get());
  return names;
}

/// The error under the RemoteErrors that it came up through.
void check_cycle(corps::ErrorInfo const& error) {
  CHECK(error.code == Errc::remote);
  CHECK(error.type == "corps::CallCycle");
}

bool names(std::string const& text, corps::Name<Node> who, std::string_view method) {
  return text.find(std::string{method} + " at " + corps::to_string(who.address())) != std::string::npos;
}

TEST_CASE("two that wait for each other: the younger wait ends, the other goes on") {
  Running corps;
  auto two = make(2);
  Event both;
  Event ended;
  auto const begin = steady_clock::now();
  auto first = two[0].call<&Node::meet>(two[1], handle(both), handle(ended));
  auto second = two[1].call<&Node::meet>(two[0], handle(both), handle(ended));
  auto const results = std::multiset<int>{first.get(), second.get()};
  CHECK(steady_clock::now() - begin < 5s);  // far from the deadline, whatever the machine is at
  CHECK(results == std::multiset<int>{0, 1});
  CHECK(two[0].get<&Node::count>().get() + two[1].get<&Node::count>().get() == 1);
}

TEST_CASE("a Conc that awaits itself, and one that waits for itself in get()") {
  Running corps;
  auto const self = make(1).front();
  auto const awaited = self.call<&Node::wait_for_itself>().get();
  CHECK(names(awaited, self, "Node::wait_for_itself"));
  CHECK(names(awaited, self, "waits for call_cycle_test::Node::quick"));
  auto const blocked = self.call<&Node::get_from_itself>().get();
  CHECK(names(blocked, self, "Node::get_from_itself"));
  CHECK(self.get<&Node::count>().get() == 0);  // surely not run, and not run later
  CHECK(self.call<&Node::outlive_cycle>().get() == 7);
}

TEST_CASE("longer rings are named whole") {
  Running corps;
  for (auto const length : {2U, 3U, 10U}) {
    auto ring = make(length);
    auto way = Node::Names(ring.begin() + 1, ring.end());
    way.push_back(ring[0]);
    auto const error = error_of(ring[0].call<&Node::pass>(way));
    check_cycle(error);
    for (auto const& node : ring) CHECK(names(error.text, node, "Node::pass"));
    auto const blocked = error_of(ring[0].call<&Node::pass_get>(way));
    check_cycle(blocked);
    for (auto const& node : ring) CHECK(names(blocked.text, node, "Node::pass_get"));
    for (auto& node : ring) CHECK(node.call<&Node::quick>().get() > 0);
  }
}

TEST_CASE("a ring through a Task beside the request, and one that a late wait closes") {
  Running corps;
  auto ring = make(3);
  check_cycle(error_of(ring[0].call<&Node::pass_beside>(Node::Names{ring[1], ring[0]})));
  ring[0].call<&Node::give>(ring[2]).get();
  auto const text = ring[0].call<&Node::wait_late>(ring[1], ring[0]).get();
  INFO(text);
  // Where the text begins depends on which wait is the younger one; the second to name a Worker says "there".
  bool const by_its_request = names(text, ring[0], "Node::pass") && text.find("Node::wait_late there") != std::string::npos;
  CHECK((names(text, ring[0], "Node::wait_late") || by_its_request));
  CHECK(names(text, ring[1], "Node::pass"));
}

TEST_CASE("what is only slow, or comes back to one that is interleaved, is no circle") {
  Running corps;
  auto interleaved = corps::create<Interleaved>(corps::here()).get();
  CHECK(interleaved.call<&Interleaved::twice_around>(interleaved, 20).get() == 20);

  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto chain = make(5);
  std::vector<corps::Future<int>> held;
  held.push_back(chain[0].call<&Node::wait_for_holder>(holder, handle(events)));
  REQUIRE(events.entered.wait());
  for (std::size_t i = 1; i < chain.size(); ++i) held.push_back(chain[i].call<&Node::pass>(Node::Names{chain[i - 1]}));
  auto behind = chain[4].within(150ms).call<&Node::quick>();  // long enough for some looks
  CHECK(error_of(std::move(behind)).code == Errc::timeout);
  events.release.happen();
  for (auto& future : held) CHECK(future.get() == 1);
}

/// Calls others for a while, each busy with such calls itself.
class Busy : public corps::Conc {
 public:
  corps::Task<int> through(corps::Name<Busy> lower, corps::Name<Busy> lowest, std::int64_t until_ns) {
    int sum = 0;
    while (corps::detail::now_ns() < until_ns) {
      auto const got = co_await lower.call<&Busy::once>(lowest);
      sum += got;
    }
    co_return sum;
  }
  corps::Task<int> once(corps::Name<Busy> lowest) {
    auto const got = co_await lowest.call<&Busy::leaf>();
    co_return got;
  }
  int leaf() { return 1; }
};

TEST_CASE("no circle is seen where many wait behind each other and all goes on") {
  Running corps;
  std::vector<corps::Name<Busy>> upper;
  std::vector<corps::Name<Busy>> lower;
  auto lowest = corps::create<Busy>(corps::here()).get();
  for (int i = 0; i < 64; ++i) upper.push_back(corps::create<Busy>(corps::here()).get());
  for (int i = 0; i < 3; ++i) lower.push_back(corps::create<Busy>(corps::here()).get());
  auto const until_ns = corps::detail::now_ns() + 150'000'000;  // long enough for some looks
  std::vector<corps::Future<int>> all;
  for (std::size_t i = 0; i < upper.size(); ++i)
    all.push_back(upper[i].call<&Busy::through>(lower[i % lower.size()], lowest, until_ns));
  for (auto& each : all) CHECK(each.get() > 0);
}

}  // namespace call_cycle_test
