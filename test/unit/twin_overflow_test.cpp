// Full mailboxes under the twin: whatever happens first, order is kept, every Future ends, and nothing stays parked.

#include <array>
#include <utility>
#include <vector>

#include "corps/detail/conc_id.hpp"
#include "env/mail/internal/lobby.hpp"
#include "env/mail/internal/slab.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace twin_overflow_test {

using namespace std::chrono_literals;
using namespace twin_kit;

constexpr int senders = 3;
constexpr int requests = 12;
constexpr int by_thread = senders;

class Box : public corps::Conc {
 public:
  int note(int from, int number) {
    noted.emplace_back(from, number);
    return number;
  }
  corps::Task<int> note_slowly(int from, int number) {
    co_await corps::sleep_for(1ms);
    co_return note(from, number);
  }
  std::vector<std::pair<int, int>> noted;
};

/// Has room for all that its senders send, and not for one more.
class Exact : public Box {
 public:
  static constexpr auto corps_overflow = corps::Overflow::refuse;
  static constexpr std::uint32_t corps_mailbox = senders * requests;
};

class Sender : public corps::Conc {
 public:
  /// Calls and tells in the order of the numbers; how many of the calls were answered.
  corps::Task<int> send(corps::Name<Box> box, int from, std::uint64_t choices, int limit_ms) {
    std::vector<corps::Future<int>> calls;
    for (int i = 0; i < requests; ++i, choices /= 4) {
      auto const to = box.within(std::chrono::milliseconds{limit_ms});
      if (choices % 4 == 0) {
        try {
          co_await to.tell<&Box::note>(from, i);
        } catch (corps::Error const&) {
        }
      } else if (choices % 4 == 1) {
        calls.push_back(to.call<&Box::note_slowly>(from, i));
      } else {
        calls.push_back(to.call<&Box::note>(from, i));
      }
    }
    int answered = 0;
    for (auto& call : calls) {
      try {
        (void)co_await call;
        ++answered;
      } catch (corps::Error const&) {
      }
    }
    co_return answered;
  }
};

std::size_t parked(corps::ConcAddr at) { return corps::mail::parked_at(*corps::mail::slab().place_of(at.conc)); }

/// Of each sender, what came is in the order sent.
bool in_order(std::vector<std::pair<int, int>> const& noted) {
  std::array<int, senders + 1> last{-1, -1, -1, -1};
  for (auto const& [from, number] : noted)
    if (number <= std::exchange(last[static_cast<std::size_t>(from)], number)) return false;
  return true;
}

TEST_CASE("all that waits for room is served, in the order of each sender") {
  for_seeds(30, {.settings = {"limits.mailbox=2"}, .turn_takes_max = 10us}, [](Twin& twin) {
    auto box = corps::create<Box>(corps::here()).get();
    std::vector<corps::Future<int>> done;
    for (int s = 0; s < senders; ++s) {
      auto sender = corps::create<Sender>(corps::here()).get();
      done.push_back(sender.call<&Sender::send>(box, s, twin.random(1U << 24U), 60'000));
    }
    twin.thread("teller", [&] {
      for (int i = 0; i < requests; ++i) box.tell<&Box::note>(by_thread, i);
    });
    for (auto& each : done) (void)each.get();
    twin.join();
    auto const noted = box.get<&Box::noted>().get();
    CHECK(noted.size() == (senders + 1) * requests);
    CHECK(in_order(noted));
    CHECK(parked(box.address()) == 0);
  });
}

TEST_CASE("deadlines, and the ends of senders and targets, leave nothing parked") {
  for_seeds(30, {.settings = {"limits.mailbox=2"}, .turn_takes_max = 10us}, [](Twin& twin) {
    auto box = corps::create<Box>(corps::here()).get();
    std::vector<corps::Name<Sender>> names;
    std::vector<corps::Future<int>> done;
    for (int s = 0; s < senders; ++s) {
      names.push_back(corps::create<Sender>(corps::here()).get());
      done.push_back(names.back().call<&Sender::send>(box, s, twin.random(1U << 24U), 1 + static_cast<int>(twin.random(5))));
    }
    twin.advance(std::chrono::microseconds{twin.random(4'000)});
    corps::exit(names[twin.random(senders)]);
    twin.advance(std::chrono::microseconds{twin.random(2'000)});
    bool const target_ends = twin.random(2) == 0;
    if (target_ends) corps::exit(box);
    for (auto& each : done) {
      try {
        (void)each.get();
      } catch (corps::WorkerLost const&) {
      }
    }
    twin.settle();
    CHECK(parked(box.address()) == 0);
    if (!target_ends) CHECK(in_order(box.get<&Box::noted>().get()));
  });
}

TEST_CASE("what is sent to an ended Worker takes no room of the next one at its place") {
  for_seeds(30, {.settings = {}, .turn_takes_max = 10us}, [](Twin& twin) {
    auto const place = [](auto const& name) { return corps::detail::split(name.address().conc).slot; };
    std::vector<corps::Name<Sender>> names;
    for (int s = 0; s < 2 * senders; ++s) names.push_back(corps::create<Sender>(corps::here()).get());
    auto ended = corps::create<Box>(corps::here()).get();
    corps::exit(ended).get();
    twin.settle();
    auto box = corps::create<Exact>(corps::here()).get();
    CHECK(place(box) == place(ended));
    std::vector<corps::Future<int>> lost;
    std::vector<corps::Future<int>> served;
    for (int s = 0; s < senders; ++s) {
      auto const send = [&](corps::Name<Box> to, corps::Name<Sender> by) {
        return by.call<&Sender::send>(to, s, twin.random(1U << 24U), 60'000);
      };
      lost.push_back(send(ended, names[static_cast<std::size_t>(2 * s)]));
      served.push_back(send(box, names[static_cast<std::size_t>(2 * s + 1)]));
    }
    twin.thread("teller", [&] {
      for (int i = 0; i < requests; ++i) ended.tell<&Box::note>(by_thread, i);
    });
    for (auto& each : lost) CHECK(each.get() == 0);
    for (auto& each : served) (void)each.get();
    twin.join();
    auto const noted = box.get<&Box::noted>().get();
    CHECK(noted.size() == senders * requests);
    CHECK(in_order(noted));
    CHECK(parked(box.address()) == 0);
  });
}

}  // namespace twin_overflow_test
