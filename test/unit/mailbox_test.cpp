// The mailbox of a Worker: its word, its room, and who is served first.

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "corps/detail/cell.hpp"
#include "corps/detail/mailbox_head.hpp"
#include "env/mail/internal/slab.hpp"
#include "test/unit/runtime_kit.hpp"

namespace mailbox_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;
using corps::detail::Cell;
using corps::detail::Envelope;
using corps::detail::EnvelopeKind;
using corps::detail::MailboxHead;
using corps::detail::Pushed;

struct Letter final : Envelope {
  explicit Letter(EnvelopeKind what = EnvelopeKind::request) : Envelope(what) {}
  void arrive(Cell&) override {}
  void undeliverable() noexcept override {}
};

/// A cell with an open mailbox that wakes nobody.
class OpenCell {
 public:
  explicit OpenCell(std::uint32_t room) : cell_(corps::mail::slab().allocate(corps::ConcId::none)) {
    cell_.mailbox_max = room;
    cell_.inbox = MailboxHead::awake().word();
  }
  ~OpenCell() {
    cell_.inbox = MailboxHead::closed().word();
    cell_.reset();
    corps::mail::slab().release(cell_);
  }
  OpenCell(OpenCell const&) = delete;
  OpenCell& operator=(OpenCell const&) = delete;
  Cell* operator->() { return &cell_; }
  MailboxHead head() { return MailboxHead{cell_.inbox}; }

 private:
  Cell& cell_;
};

TEST_CASE("the word of a mailbox keeps its parts apart") {
  auto const letter = std::make_unique<Letter>();
  auto const filled = MailboxHead::idle().plus(7).with(letter.get()).with_parked(true);
  CHECK(filled.newest() == letter.get());
  CHECK(filled.units() == 7);
  CHECK(filled.parked());
  CHECK(filled.taken() > corps::detail::mailbox_units_max);
  CHECK(filled.as_asleep().is_asleep());
  CHECK(filled.as_asleep().taken() == filled.taken());
  CHECK(filled.as_asleep().woken().word() == filled.word());
  CHECK(filled.as_asleep().as_awake().word() == filled.as_awake().word());
  CHECK_FALSE(MailboxHead::closed().is_asleep());
  CHECK(filled.as_idle().is_idle());
  CHECK(filled.as_idle().newest() == nullptr);
  CHECK(filled.as_idle().units() == 7);
  CHECK(filled.minus(7).with_parked(false).as_awake().word() == MailboxHead::awake().word());
  CHECK(MailboxHead::closed().is_closed());
  CHECK(MailboxHead::closed().newest() == nullptr);
  CHECK(MailboxHead::closed().taken() > corps::detail::mailbox_units_max);
  CHECK(MailboxHead::awake().is_empty());
}

TEST_CASE("room is what the requests that were not begun have left") {
  OpenCell cell{10};
  Letter letters[4];
  letters[0].weight = 4;
  letters[1].weight = 6;
  CHECK(cell->push_request(&letters[0]) == Pushed::ok);
  CHECK(cell->push_request(&letters[1]) == Pushed::ok);
  CHECK(cell->push_request(&letters[2]) == Pushed::full);
  Letter control{EnvelopeKind::control};
  CHECK(cell->push(&control));  // never refused
  CHECK(cell->take() == &control);
  CHECK(cell->push_request(&letters[2]) == Pushed::full);
  CHECK(cell->take() == &letters[0]);
  CHECK(cell->push_request(&letters[2]) == Pushed::ok);
  letters[3].weight = 4;
  CHECK(cell->push_request(&letters[3]) == Pushed::full);
  CHECK(cell->take() == &letters[1]);
  CHECK(cell->push_request(&letters[3]) == Pushed::ok);
  CHECK(cell->take() == &letters[2]);
  CHECK(cell->take() == &letters[3]);
  CHECK(cell->take() == nullptr);
  CHECK(cell.head().is_idle());
  CHECK(cell.head().units() == 0);
}

TEST_CASE("a Worker that can begin nothing sleeps on when it is told, and not when it is called") {
  OpenCell cell{10};
  cell->busy = 1;
  CHECK(cell->take() == nullptr);
  CHECK(cell.head().is_asleep());
  Letter letters[2];
  CHECK(cell->push_request<false>(&letters[0]) == Pushed::ok);
  CHECK(cell.head().is_asleep());
  CHECK(cell->push_request(&letters[1]) == Pushed::ok);
  CHECK_FALSE(cell.head().is_asleep());
  CHECK(cell->take() == nullptr);
  Letter control{EnvelopeKind::control};
  CHECK(cell->push(&control));
  CHECK_FALSE(cell.head().is_asleep());
  CHECK(cell->take() == &control);
  cell->busy = 0;
  CHECK(cell->take() == &letters[0]);
  CHECK(cell->take() == &letters[1]);
  CHECK(cell->take() == nullptr);
  CHECK(cell.head().is_idle());
}

TEST_CASE("many senders never put in more than there is room, and none of it is lost") {
  constexpr std::uint32_t room = 100;
  constexpr int senders = 4;
  constexpr int letters_each = 20'000;
  OpenCell cell{room};
  std::vector<std::unique_ptr<Letter[]>> sent;                                                 // NOLINT: letters do not move
  for (int s = 0; s < senders; ++s) sent.push_back(std::make_unique<Letter[]>(letters_each));  // NOLINT
  std::vector<std::thread> threads;
  std::atomic<std::uint32_t> most{0};
  for (int s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (int i = 0; i < letters_each; ++i)
        while (cell->push_request(&sent[static_cast<std::size_t>(s)][static_cast<std::size_t>(i)]) != Pushed::ok)
          std::this_thread::yield();
    });
  int taken = 0;
  while (taken < senders * letters_each) {
    cell->look();
    most = std::max(most.load(), cell.head().units());
    if (cell->requests.empty()) {
      std::this_thread::yield();
      continue;
    }
    (void)cell->take();
    ++taken;
  }
  for (auto& thread : threads) thread.join();
  CHECK(most <= room);
  CHECK(cell->take() == nullptr);
  CHECK(cell.head().units() == 0);
}

TEST_CASE("what is from the runtime overtakes a hundred thousand requests, and answers take turns with them") {
  constexpr std::size_t count = 100'000;
  OpenCell cell{count};
  auto const requests = std::make_unique<Letter[]>(count);  // NOLINT
  for (std::size_t i = 0; i < count; ++i) REQUIRE(cell->push_request(&requests[i]) == Pushed::ok);
  Letter controls[2]{Letter{EnvelopeKind::control}, Letter{EnvelopeKind::control}};
  CHECK(cell->push(&controls[0]));
  cell->look();  // as a turn begins
  CHECK(cell->take() == &controls[0]);
  CHECK(cell->take() == &requests[0]);
  CHECK(cell->push(&controls[1]));
  CHECK(cell->take() == &requests[1]);  // in the middle of a turn nobody looks
  cell->look();
  CHECK(cell->take() == &controls[1]);
  for (std::size_t i = 2; i < count; ++i) REQUIRE(cell->take() == &requests[i]);
  CHECK(cell->take() == nullptr);
}

TEST_CASE("an exit overtakes the requests that wait") {
  Running corps;
  auto holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  std::vector<corps::Future<int>> waiting;
  for (int i = 0; i < 1000; ++i) waiting.push_back(holder.call<&Holder::quick>());
  corps::exit(holder);
  events.release.happen();
  CHECK(held.get() == 1);
  for (auto& future : waiting) {
    auto const error = error_of(std::move(future));
    CHECK(error.code == Errc::worker_lost);
    CHECK(error.ran == Ran::no);
  }
}

}  // namespace mailbox_test
