// Small programs of random calls, waits and ends, in random orders; what is promised of all of them is looked at in the end.

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "corps/detail/runtime.hpp"
#include "env/mail/internal/deadline_clock.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/slab.hpp"
#include "env/mail/internal/watchers.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace twin_program_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using namespace twin_kit;
using corps::Errc;
using corps::ErrorInfo;
using corps::Future;
using corps::Name;
using corps::Ran;
using corps::Task;

/// What the method of a call does.
enum class Kind : int { plain, sleeps, throws, nests, blocks, forwards, promises, forgets, leaves, count };

class Node;

constexpr int first_node = 100;  // as a sender; the lower ones are the drivers

struct Call {
  int sender = 0;
  int target = 0;
  int number = 0;  // among those of the sender to the target
  int root = 0;    // the call of the program on whose behalf
  Kind kind{};
  int begun = 0;
  int ended = 0;
  bool said_not_run = false;
  bool dropped = false;
};

/// What became of all calls. One thread runs at a time, so it needs no lock.
struct Ledger {
  std::vector<Name<Node>> nodes;
  std::vector<Call> calls;
  std::map<std::pair<int, int>, int> sent;
  std::map<std::pair<int, int>, int> last_begun;
  std::vector<std::string> wrong;
  int alive = 0;  // objects, and frames of methods

  int add(int sender, int target, Kind kind, int root) {
    int const id = static_cast<int>(calls.size());
    calls.push_back({sender, target, sent[{sender, target}]++, root < 0 ? id : root, kind});
    return id;
  }
  Call& of(int id) { return calls[static_cast<std::size_t>(id)]; }
  void complain(int id, std::string const& what) { wrong.push_back("call " + std::to_string(id) + ": " + what); }
  void begin(int id, int at) {
    auto& call = of(id);
    ++call.begun;
    if (call.target != at) complain(id, "it came to another");
    auto& last = last_begun.try_emplace({call.sender, call.target}, -1).first->second;
    if (call.number <= last) complain(id, "it was overtaken by one of the same sender");
    last = call.number;
    look_at_context(id);
  }
  void look_at_context(int id) {
    if (corps::context().trace != std::to_string(of(id).root))
      complain(id, "it has the context '" + corps::context().trace + "'");
  }
  void end(int id, ErrorInfo const* error, int value) {
    auto& call = of(id);
    ++call.ended;
    if (error == nullptr) {
      if (value != id) complain(id, "it has the value of another");
      if (call.begun != 1) complain(id, "a value came of what did not run");
      return;
    }
    call.said_not_run = error->ran == Ran::no;
    bool const may_fail = call.kind == Kind::throws || call.kind == Kind::nests || call.kind == Kind::blocks ||
                          call.kind == Kind::forgets || call.kind == Kind::forwards || call.kind == Kind::promises;
    if (error->type == "corps::CallCycle" || (error->code == Errc::remote && !may_fail) ||
        (error->code != Errc::remote && error->code != Errc::timeout && error->code != Errc::worker_lost &&
         error->code != Errc::cancelled))
      complain(id, "it ended with " + error->text);
  }
  void check() {
    for (int id = 0; id < static_cast<int>(calls.size()); ++id) {
      auto const& call = of(id);
      if (call.begun > 1) complain(id, "it ran twice");
      if (call.said_not_run && call.begun != 0) complain(id, "it ran after all");
      bool const may_be_destroyed = call.sender >= first_node;  // with the method that waited
      if (call.ended > 1 || (call.ended == 0 && !call.dropped && !may_be_destroyed))
        complain(id, "it ended " + std::to_string(call.ended) + " times");
    }
    std::string all;
    for (auto const& each : wrong) all += each + "\n";
    CHECK(all == "");  // NOLINT: so that it is printed
    CHECK(alive == 0);
  }
};

struct Alive {
  explicit Alive(Ledger& of) : ledger(of) { ++ledger.alive; }
  Alive(Alive const&) = delete;
  ~Alive() { --ledger.alive; }
  Ledger& ledger;
};

/// Choices of one part of the program, the same in each run of a seed.
struct Dice {
  std::uint64_t state = 0;
  int operator()(int bound) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return static_cast<int>((state >> 33U) % static_cast<std::uint64_t>(bound));
  }
};

/// Serves calls; those that call on go to Nodes with greater numbers, so that there is no circle.
class Node : public corps::Conc {
 public:
  Node(std::uint64_t ledger, int index) : ledger_(object_of<Ledger>(ledger)), index_(index), alive_(ledger_) {}

  int plain(int id) {
    Serving const serving{*this, id};
    return id;
  }
  Task<int> sleeps(int id, int ms) {
    Serving const serving{*this, id};
    co_await corps::sleep_for(std::chrono::milliseconds{ms});
    ledger_.look_at_context(id);
    if (ledger_.of(id).kind == Kind::throws) throw std::out_of_range{"on purpose"};
    co_return id;
  }
  Task<int> nests(int id, int ms) {
    Serving const serving{*this, id};
    int const next = call_on(id, Kind::sleeps);
    auto answer = node_of(next).call<&Node::sleeps>(next, ms);
    bool failed = false;
    try {
      int const value = co_await answer;
      ledger_.end(next, nullptr, value);
    } catch (corps::Error const& error) {
      ledger_.end(next, &error.info(), 0);
      failed = true;
    }
    ledger_.look_at_context(id);
    if (failed) throw std::runtime_error{"the nested call failed"};
    co_return id;
  }
  int blocks(int id) {
    Serving const serving{*this, id};
    int const next = call_on(id, Kind::plain);
    auto answer = node_of(next).call<&Node::plain>(next);
    try {
      ledger_.end(next, nullptr, answer.get());
    } catch (corps::Error const& error) {
      ledger_.end(next, &error.info(), 0);
      throw std::runtime_error{"the nested call failed"};
    }
    return id;
  }
  corps::Later<int> forwards(int id) {
    Serving const serving{*this, id};
    auto const& next = ledger_.nodes[ledger_.nodes.size() - 1];
    return corps::forward<&Node::answers_for>(next, id);
  }
  int answers_for(int id) {
    ledger_.look_at_context(id);
    return id;
  }
  corps::Later<int> promises(int id, int ms) {
    Serving const serving{*this, id};
    corps::Promise<int> promise;
    auto later = promise.later();
    if (ledger_.of(id).kind == Kind::forgets) return later;  // nobody will answer
    corps::after(std::chrono::milliseconds{ms}, [promise = std::move(promise), id]() mutable { promise.set_value(id); }).detach();
    return later;
  }
  int leaves(int id) {
    Serving const serving{*this, id};
    corps::exit_self();
    return id;
  }
  static constexpr int last_node = 4;

 private:
  /// While a method runs, also across its awaits; no other may.
  struct Serving {
    Serving(Node& of, int id) : node(of), alive(of.ledger_) {
      if (node.serving_++ != 0) node.ledger_.complain(id, "it began while another ran");
      node.ledger_.begin(id, node.index_);
    }
    Serving(Serving const&) = delete;
    ~Serving() { --node.serving_; }
    Node& node;
    Alive alive;
  };

  int call_on(int id, Kind kind) {
    return ledger_.add(first_node + index_, std::min(index_ + 1, last_node), kind, ledger_.of(id).root);
  }
  Name<Node> node_of(int id) { return ledger_.nodes[static_cast<std::size_t>(ledger_.of(id).target)]; }

  Ledger& ledger_;
  int index_;
  int serving_ = 0;
  Alive alive_;
};

/// One call more of a program, with a limit or without.
Future<int> begin_call(Ledger& ledger, int sender, Dice& dice, int& id) {
  auto kind = static_cast<Kind>(dice(static_cast<int>(Kind::count)));
  if (kind == Kind::leaves && dice(4) != 0) kind = Kind::plain;
  int const target = dice(Node::last_node);  // the last one serves the others
  id = ledger.add(sender, target, kind, -1);
  corps::Context context;
  context.trace = std::to_string(id);
  corps::WithContext const scope{std::move(context)};
  auto const to = ledger.nodes[static_cast<std::size_t>(target)].within(
      dice(2) == 0 ? std::chrono::nanoseconds{1h} : std::chrono::nanoseconds{std::chrono::microseconds{dice(6'000)}});
  int const ms = dice(4);
  switch (kind) {
    case Kind::sleeps:
    case Kind::throws: return to.call<&Node::sleeps>(id, ms);
    case Kind::nests: return to.call<&Node::nests>(id, ms);
    case Kind::blocks: return to.call<&Node::blocks>(id);
    case Kind::forwards: return to.call<&Node::forwards>(id);
    case Kind::promises:
    case Kind::forgets: return to.call<&Node::promises>(id, ms);
    case Kind::leaves: return to.call<&Node::leaves>(id);
    default: return to.call<&Node::plain>(id);
  }
}

class Driver : public corps::Conc {
 public:
  Task<> drive(std::uint64_t handle_of_ledger, int sender, std::uint64_t seed) {
    auto& ledger = object_of<Ledger>(handle_of_ledger);
    Dice dice{seed};
    for (int step = 0; step < 4; ++step) {
      std::vector<Future<int>> open;
      std::vector<int> ids;
      int const calls = 1 + dice(4);
      for (int i = 0; i < calls; ++i) {
        int id = 0;
        open.push_back(begin_call(ledger, sender, dice, id));
        ids.push_back(id);
      }
      int const way = dice(7);
      if (way == 0) {  // cancelled, some of them, sooner or later
        co_await corps::sleep_for(std::chrono::milliseconds{dice(4)});
        for (auto& each : open)
          if (dice(2) == 0) each.cancel();
      } else if (way == 1) {
        for (auto& each : open) each = corps::with_timeout(std::move(each), std::chrono::milliseconds{1 + dice(5)});
      } else if (way == 2) {
        auto first = corps::when_any(std::move(open), dice(2) == 0 ? corps::Losers::keep : corps::Losers::cancel);
        auto any = co_await first;
        if (!any.first().ready()) ledger.complain(ids[any.index], "it is said to be the first, and has not ended");
        open = std::move(any.futures);
      } else if (way == 3) {
        auto answers = corps::next_of(std::move(open));
        open.clear();
        for (;;) {
          auto next = co_await answers.next();
          if (!next) break;
          take(ledger, ids[next->index], next->future);
        }
      } else if (way == 4) {
        auto all = corps::when_ended(std::move(open));
        open = co_await all;
      } else if (way == 5) {
        for (auto& each : open) each = std::move(each).then([](int value) { return value; });
      } else if (dice(2) == 0) {
        for (auto const id : ids) ledger.of(id).dropped = true;
        open.clear();
      }
      for (std::size_t i = 0; i < open.size(); ++i) {
        try {
          int const value = co_await open[i];
          ledger.end(ids[i], nullptr, value);
        } catch (corps::Error const& error) {
          ledger.end(ids[i], &error.info(), 0);
        }
      }
    }
  }

 private:
  static void take(Ledger& ledger, int id, Future<int>& ended) {
    try {
      ledger.end(id, nullptr, ended.get());
    } catch (corps::Error const& error) {
      ledger.end(id, &error.info(), 0);
    }
  }
};

/// The same of a plain thread, which blocks.
void drive_thread(Ledger& ledger, int sender, Dice dice) {
  for (int step = 0; step < 5; ++step) {
    int id = 0;
    auto future = begin_call(ledger, sender, dice, id);
    if (dice(4) == 0) future.cancel();
    try {
      if (dice(2) == 0) {
        try {
          ledger.end(id, nullptr, future.get(std::chrono::microseconds{dice(3'000)}));
          continue;
        } catch (corps::Error const&) {
          if (!future.valid()) throw;
        }
      }
      ledger.end(id, nullptr, future.get());
    } catch (corps::Error const& error) {
      ledger.end(id, &error.info(), 0);
    }
  }
}

void run_program(Twin& twin) {
  Ledger ledger;
  for (int i = 0; i <= Node::last_node; ++i) ledger.nodes.push_back(corps::create<Node>(corps::here(), handle(ledger), i).get());
  std::vector<Future<void>> done;
  std::vector<Name<Driver>> drivers;
  for (int i = 0; i < 3; ++i) {
    drivers.push_back(corps::create<Driver>(corps::here()).get());
    auto const seed = twin.random(1U << 30U);
    done.push_back(drivers.back().within(1h).call<&Driver::drive>(handle(ledger), i, seed));
  }
  Dice const thread_dice{twin.random(1U << 30U)};
  twin.thread("a driver", [&ledger, thread_dice] { drive_thread(ledger, 3, thread_dice); });
  std::vector<Future<corps::Ending>> endings;
  for (auto const& node : ledger.nodes) endings.push_back(corps::watch(node));
  if (twin.random(2) == 0) {
    twin.advance(std::chrono::microseconds{twin.random(8'000)});
    corps::exit(ledger.nodes[twin.random(Node::last_node)]);
  }
  for (auto& each : done) each.get();
  twin.join();
  twin.advance(20ms);
  for (auto const& node : ledger.nodes) CHECK(corps::mail::parked_at(*corps::mail::slab().place_of(node.address().conc)) == 0);
  for (auto const& node : ledger.nodes) corps::exit(node);
  for (auto const& driver : drivers) corps::exit(driver).get();
  for (auto& each : endings) (void)each.get();
  twin.settle();
  ledger.check();
  CHECK(corps::mail::watches() == 0);
  (void)error_of(ledger.nodes[0].call<&Node::plain>(0));  // and takes in what came home late
  CHECK(corps::detail::self().open_calls == 0);
  if (auto* const clock = corps::mail::active_clock()) CHECK(clock->alarms() == 0);
}

TEST_CASE("a random program: every Future ends once, no call runs twice, order and context are kept, nothing is left") {
  for_seeds(120, {.settings = {}, .turn_takes_max = 20us}, run_program);
}

TEST_CASE("the same with small mailboxes") {
  for_seeds(30, {.settings = {"limits.mailbox=2"}, .turn_takes_max = 20us}, run_program);
}

}  // namespace twin_program_test
