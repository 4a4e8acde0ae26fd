// The mailbox of a Cell and the threads that sleep at it, in every order of their operations.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cereal/cereal.hpp>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <coroutine>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <semaphore>
#include <span>
#include <string>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "test/explore/explorer.hpp"
#include "test/explore/futex.hpp"

// The real sources, on memory that the explorer watches.
#define atomic explored_atomic
#define syscall explore::futex_call
#include "env/host/futex.cpp"  // NOLINT
#include "env/mail/cell.cpp"   // NOLINT: that is the point
#include "env/mail/park.cpp"   // NOLINT
#undef syscall
#undef atomic

// --- what the sources above want of the rest of the runtime ------------------------------------------------------

namespace {

/// The scheduler: the Worker's turn is due.
explore::Semaphore* turn = nullptr;

}  // namespace

namespace corps::detail {

EnvFacts env_facts;
constinit thread_local Cell* current_cell = nullptr;

void schedule(Cell&) noexcept { turn->release(); }
std::int64_t now_ns() noexcept { return explore::kernel.clock(); }
std::int64_t coarse_now_ns() noexcept { return 0; }
Request::~Request() = default;
void Request::arrive(Cell&) {}
void Request::undeliverable() noexcept {}

}  // namespace corps::detail

namespace corps::sched {
void place_job(detail::Cell&) {}
}  // namespace corps::sched

// --- the exploration ---------------------------------------------------------------------------------------------

namespace mailbox_explore {

using corps::detail::Cell;
using corps::detail::Envelope;
using corps::detail::EnvelopeKind;
using corps::detail::MailboxHead;
using corps::detail::Pushed;
using explore::Explorer;
using explore::the;

constexpr int pushes_max = 3;

/// A request, or an answer, or a wish of the runtime, that knows who sent it.
struct Item final : corps::detail::Request {
  Item() : Request(nullptr) {}
  void invoke(Cell&) override {}
  void pack_arguments(corps::Packer&) override {}
  void pack_result(corps::Packer&) override {}
  void unpack_result(corps::Unpacker&) override {}
  int taken = 0;    // by the owner of the mailbox
  int left = 0;     // found when it closed
  Pushed pushed{};  // what became of it at the sender
  bool sent = false;
};

/// Senders, of whom each has items of some kinds, and a mailbox.
struct World {
  alignas(Cell) std::byte cell_memory[sizeof(Cell)];
  alignas(Item) std::byte item_memory[2][pushes_max][sizeof(Item)];
  alignas(explore::Semaphore) std::byte turn_memory[sizeof(explore::Semaphore)];
  bool made = false;

  Cell& cell() { return *std::launder(reinterpret_cast<Cell*>(cell_memory)); }
  Item& item(int sender, int number) { return *std::launder(reinterpret_cast<Item*>(item_memory[sender][number])); }

  void make(std::array<std::string, 2> const& kinds, std::uint32_t room, MailboxHead head) {
    if (made) cell().~Cell();
    made = true;
    auto& cell = *new (cell_memory) Cell;
    cell.mailbox_max.store(room);
    cell.inbox.store(head.word());
    cell.id.store(corps::ConcId{99});
    turn = new (turn_memory) explore::Semaphore{0};
    explore::kernel = {};
    for (int sender = 0; sender < 2; ++sender) {
      for (std::size_t n = 0; n < kinds[static_cast<std::size_t>(sender)].size(); ++n) {
        auto& item = *new (item_memory[sender][n]) Item;
        auto const kind = kinds[static_cast<std::size_t>(sender)][n];
        item.kind = kind == 'r' ? EnvelopeKind::request : kind == 'a' ? EnvelopeKind::answer : EnvelopeKind::control;
      }
    }
  }
  void send(int sender, std::string const& kinds) {
    for (std::size_t n = 0; n < kinds.size(); ++n) {
      auto& item = this->item(sender, static_cast<int>(n));
      item.sent = true;
      if (kinds[n] == 'r')
        item.pushed = cell().push_request(&item);
      else
        item.pushed = cell().push(&item) ? Pushed::ok : Pushed::closed;
    }
  }
  static World& instance() {
    static World world;
    return world;
  }
};

/// What the owner of the mailbox has seen; kept outside of its stack for the look at the end.
struct Log {
  std::array<Item*, 2 * pushes_max> items{};
  std::size_t count = 0;
  void add(Envelope* envelope) {
    auto& item = static_cast<Item&>(*envelope);
    if (++item.taken > 1 || count == items.size()) return the().fail("an envelope is delivered twice");
    items[count++] = &item;
  }
  bool holds_in_order(Item const& first, Item const& second) const {
    auto const at = [&](Item const& item) { return std::find(items.begin(), items.end(), &item) - items.begin(); };
    return at(first) < at(second);
  }
};
Log seen;

/// Of one sender, what is of one kind is served in the order sent.
void check_order(std::array<std::string, 2> const& kinds) {
  auto& world = World::instance();
  for (int sender = 0; sender < 2; ++sender) {
    auto const& own = kinds[static_cast<std::size_t>(sender)];
    for (std::size_t first = 0; first < own.size(); ++first)
      for (std::size_t second = first + 1; second < own.size(); ++second) {
        auto const& a = world.item(sender, static_cast<int>(first));
        auto const& b = world.item(sender, static_cast<int>(second));
        if (own[first] == own[second] && a.taken == 1 && b.taken == 1 && !seen.holds_in_order(a, b))
          the().fail("what one sender sent is served in another order");
      }
  }
}

void check_all_taken(std::array<std::string, 2> const& kinds) {
  for (int sender = 0; sender < 2; ++sender)
    for (std::size_t n = 0; n < kinds[static_cast<std::size_t>(sender)].size(); ++n) {
      auto const& item = World::instance().item(sender, static_cast<int>(n));
      if (item.pushed == Pushed::ok && item.taken != 1) the().fail("an envelope is lost");
      if (item.pushed != Pushed::ok && item.taken != 0) the().fail("an envelope is refused and delivered");
    }
}

/// Every sequence of so many kinds.
std::vector<std::string> sequences(std::string const& kinds, std::size_t length) {
  std::vector<std::string> all{""};
  for (std::size_t n = 0; n < length; ++n) {
    std::vector<std::string> longer;
    for (auto const& each : all)
      for (auto const kind : kinds) longer.push_back(each + kind);
    all = std::move(longer);
  }
  return all;
}

void require_none(Explorer::Result const& result) {
  REQUIRE_MESSAGE(result.failure.empty(), result.failure);
  CHECK(result.states > 50);
}

/// Two senders of these kinds and the owner of the mailbox, from a mailbox in this state.
Explorer::Result explore_senders(std::array<std::string, 2> const& kinds, std::uint32_t room, MailboxHead head, void (*owner)(),
                                 void (*check)(std::array<std::string, 2> const&)) {
  auto& world = World::instance();
  auto const memory = [](auto& object) { return std::as_writable_bytes(std::span{&object, 1}); };
  return the().run(
      {memory(world), memory(seen), memory(explore::kernel)},
      [&] {
        world.make(kinds, room, head);
        seen = {};
      },
      {[&] { world.send(0, kinds[0]); }, [&] { world.send(1, kinds[1]); }, owner},
      [&] {
        check_order(kinds);
        check(kinds);
      });
}

/// The Worker's turns, each when it is due.
void take_turns() {
  auto& cell = World::instance().cell();
  for (;;) {
    turn->acquire();
    while (auto* const envelope = cell.take()) seen.add(envelope);
  }
}

void check_none_refused(std::array<std::string, 2> const& kinds) {
  for (int sender = 0; sender < 2; ++sender)
    for (std::size_t n = 0; n < kinds[static_cast<std::size_t>(sender)].size(); ++n)
      if (World::instance().item(sender, static_cast<int>(n)).pushed != Pushed::ok) the().fail("an envelope is refused");
}

void check_idle() {
  MailboxHead const head{World::instance().cell().inbox.now()};
  if (!head.is_idle() || head.units() != 0) the().fail("the mailbox is not idle, or not empty, in the end");
}

constexpr std::uint32_t plenty = 1'000;

bool in_full() { return std::getenv("TEST_FULL") != nullptr; }

/// Each pair of what two senders may send; without TEST_FULL, a few of them.
template <class F>
void for_each_pair(std::string const& kinds, F&& explore) {
  std::vector<std::array<std::string, 2>> pairs{{"rr", "ra"}, {"rar", "ar"}};
  if (in_full()) {
    pairs.clear();
    auto const all = sequences(kinds, pushes_max);
    for (std::size_t a = 0; a < all.size(); ++a)
      for (std::size_t b = a; b < all.size(); ++b) pairs.push_back({all[a], all[b]});
  }
  for (auto const& pair : pairs) {
    CAPTURE(pair[0]);
    CAPTURE(pair[1]);
    explore(pair);
  }
}

TEST_CASE("nothing is lost, nothing comes twice, and what is of one kind keeps its order") {
  for_each_pair("rac", [](auto const& kinds) {
    require_none(explore_senders(kinds, plenty, MailboxHead::idle(), take_turns, [](auto const& sent) {
      check_none_refused(sent);
      check_all_taken(sent);
      check_idle();
    }));
  });
}

/// As much room as two requests take.
std::uint32_t room_for_two() { return 2 * Item{}.weight; }

TEST_CASE("a full mailbox refuses requests, and what it has taken in is served") {
  for_each_pair("ra", [](auto const& kinds) {
    require_none(explore_senders(kinds, room_for_two(), MailboxHead::idle(), take_turns, [](auto const& sent) {
      check_all_taken(sent);
      check_idle();
      for (int sender = 0; sender < 2; ++sender)
        for (std::size_t n = 0; n < sent[static_cast<std::size_t>(sender)].size(); ++n) {
          auto const pushed = World::instance().item(sender, static_cast<int>(n)).pushed;
          bool const may_be_refused = sent[static_cast<std::size_t>(sender)][n] == 'r';
          if (pushed == Pushed::closed || (pushed == Pushed::full && !may_be_refused)) the().fail("an envelope is refused");
        }
    }));
  });
}

/// Serves two, then ends as a Worker does.
void take_two_and_close() {
  auto& cell = World::instance().cell();
  for (;;) {
    turn->acquire();
    while (auto* const envelope = cell.take()) {
      seen.add(envelope);
      if (seen.count < 2) continue;
      MailboxHead const head{cell.inbox.exchange(MailboxHead::closed().word())};
      for (auto* first : {cell.controls.take_all(), cell.answers.take_all(), cell.requests.take_all(), head.newest()})
        for (; first != nullptr; first = first->next) ++static_cast<Item&>(*first).left;
      return;
    }
  }
}

TEST_CASE("what comes to a mailbox that closes is served, left over, or refused") {
  for_each_pair("ra", [](auto const& kinds) {
    require_none(explore_senders(kinds, plenty, MailboxHead::idle(), take_two_and_close, [](auto const& sent) {
      auto& world = World::instance();
      if (!world.cell().is_closed()) the().fail("it did not close");
      for (int sender = 0; sender < 2; ++sender)
        for (std::size_t n = 0; n < sent[static_cast<std::size_t>(sender)].size(); ++n) {
          auto const& item = world.item(sender, static_cast<int>(n));
          if (item.taken + item.left != (item.pushed == Pushed::ok ? 1 : 0)) the().fail("an envelope is lost, or comes twice");
        }
    }));
  });
}

/// A thread that waits at its mailbox, as in get().
template <std::int64_t until_ns>
void park_and_take() {
  auto& cell = World::instance().cell();
  for (;;) {
    explore::kernel.clock() = 0;
    corps::mail::park(cell, until_ns);
    if (cell.signal.now() != 0 && MailboxHead{cell.inbox.now()}.is_asleep()) the().fail("it woke, and left the mailbox asleep");
    while (auto* const envelope = cell.take_arrived()) seen.add(envelope);
  }
}

void check_woken(std::array<std::string, 2> const& kinds) {
  check_none_refused(kinds);
  check_all_taken(kinds);
}

/// Two senders of answers and of what is from the runtime.
std::array<std::string, 2> to_a_thread() {
  return in_full() ? std::array<std::string, 2>{"aca", "aac"} : std::array<std::string, 2>{"ac", "a"};
}

TEST_CASE("a thread that sleeps at its mailbox sees all that comes, in order") {
  require_none(explore_senders(to_a_thread(), plenty, MailboxHead::awake(), park_and_take<corps::detail::never_ns>, check_woken));
}

TEST_CASE("a thread that sleeps at its mailbox with a limit misses nothing, whenever its time is over") {
  require_none(explore_senders(to_a_thread(), plenty, MailboxHead::awake(), park_and_take<1'000>, check_woken));
}

}  // namespace mailbox_explore
