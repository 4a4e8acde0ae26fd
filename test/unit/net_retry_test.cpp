// Calls of idempotent methods whose session ends: what the caller's link sends again, and what the Env that serves them makes of
// it.

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "test/unit/net_calling_link.hpp"
#include "test/unit/net_played_env.hpp"
#include "test/unit/runtime_kit.hpp"

namespace net_retry_test {

using namespace runtime_kit;
using corps::ConcId;
using corps::EnvId;
using corps::Errc;
using corps::ErrorInfo;
using corps::Ran;
using corps::net::Ending;
using corps::net::Link;
using corps::net::LinkLimits;
using corps::net::test::PlayedEnv;

constexpr EnvId here = 0;
constexpr EnvId elsewhere = 7;
/// Beside the number of a call, on the wire.
constexpr std::uint64_t again = std::uint64_t{1} << 63;

// [idempotent]
class Store : public corps::Conc {
 public:
  int find(int key) { return key; }
  int put(int key) { return ++puts, key; }
  int append(int key) { return key; }
  std::size_t size_of(std::string text) { return text.size(); }
  int hold(std::uint64_t event) { return ++puts, object_of<Event>(event).wait() ? 1 : 0; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Store::find, &Store::put, &Store::size_of, &Store::hold>;
  int puts = 0;
};
// [/idempotent]

struct Caller : corps::net::test::CallingLink {
  explicit Caller(LinkLimits limits = {}) : CallingLink(here, elsewhere, limits) {}

  /// The peer answers the call that was made last with an error.
  void fail_last(Ran ran) {
    corps::detail::ByteBuffer error;
    corps::Packer out{error};
    out(last->origin_call, ErrorInfo{Errc::overloaded, ran, "no room", {}, {}}, false);
    link.on_error(error.view());
  }
  /// The peer has received so many frames.
  void acknowledge(std::uint64_t received) {
    corps::detail::ByteBuffer acknowledgement;
    corps::Packer out{acknowledgement};
    out(received, std::uint64_t{1} << 30);
    corps::net::Frame const frame{corps::net::FrameKind::acknowledge, 0, acknowledgement.view()};
    link.take(*carrier, {&frame, 1});
  }
  /// "put 2, find 3 again": the requests on the way, by methods and arguments.
  std::string sent() {
    std::string text;
    for (auto const& bytes : carrier->way) {
      corps::Unpacker in{corps::net::Piece(bytes).subspan(corps::net::header_bytes)};
      std::uint64_t number = 0;
      std::uint64_t method = 0;
      std::uint64_t target = 0;
      std::int64_t remaining = 0;
      std::uint64_t caller = 0;
      bool context = false;
      int key = 0;
      in(number, method, target, remaining, caller, context, key);
      text += (text.empty() ? "" : ", ") + std::string(corps::detail::find_method(method)->id.method_name) + " " +
              std::to_string(key) + ((number & again) != 0 ? " again" : "");
    }
    carrier->way.clear();
    return text;
  }
};

ErrorInfo lost(corps::Future<int> future) {
  auto error = error_of(std::move(future));
  CHECK(error.code == Errc::worker_lost);
  return error;
}

TEST_CASE("a call of an idempotent method is sent again in the next session, and answered there") {
  Caller caller;
  caller.connect();
  auto future = caller.call<&Store::put>(1);
  CHECK(caller.sent() == "put 1");
  caller.lose_session();
  CHECK(caller.link.take_retried() == 1);
  CHECK_FALSE(future.ready());
  caller.connect(0, 201);
  CHECK(caller.sent() == "put 1 again");
  caller.answer_last(42);
  CHECK(future.get() == 42);
}

TEST_CASE("reading a data member is retried, writing one is not") {
  Caller caller;
  using Get = corps::detail::GetOp<&Store::puts>;
  using Set = corps::detail::SetOp<&Store::puts>;
  CHECK(Get::record.idempotent);
  CHECK_FALSE(Set::record.idempotent);
}

struct Shelf {
  virtual ~Shelf() = default;
  virtual int look(int key) = 0;
  static constexpr auto corps_idempotent_methods = corps::methods<&Shelf::look>;
};
class BigStore : public Store {
 public:
  int stats() { return puts; }
};
class BiggerStore : public BigStore {
 public:
  int stats_again() { return puts; }
  int find(int key) { return key; }
  static constexpr auto corps_idempotent_methods = corps::methods<&BiggerStore::stats_again>;
};
class ShelfStore : public corps::Conc, public Shelf {
 public:
  int look(int key) override { return key; }
};
class ShelvedStore : public Store, public Shelf {
 public:
  int look(int key) override { return key; }
};

TEST_CASE("what a base or an interface declares holds for its methods, and for no others") {
  using corps::detail::may_be_retried;
  CHECK(may_be_retried<&BigStore::find>());  // it is Store's
  CHECK_FALSE(may_be_retried<&BigStore::append>());
  CHECK_FALSE(may_be_retried<&BigStore::stats>());
  CHECK(may_be_retried<&BiggerStore::stats_again>());
  CHECK_FALSE(may_be_retried<&BiggerStore::find>());
  CHECK_FALSE(may_be_retried<&BiggerStore::stats>());
  CHECK(may_be_retried<&Shelf::look>());
  CHECK_FALSE(may_be_retried<&ShelfStore::look>());
  CHECK_FALSE(may_be_retried<&ShelvedStore::look>());
  Caller caller;
  caller.connect();
  auto stats = caller.call<&BigStore::stats>();
  caller.lose_session();
  lost(std::move(stats));
}

TEST_CASE("what was not declared, was cancelled or is too late is not retried, and nothing goes to an Env that has ended") {
  SUBCASE("not declared") {
    Caller caller;
    caller.connect();
    auto future = caller.call<&Store::append>(1);
    caller.lose_session();
    CHECK(lost(std::move(future)).ran == Ran::maybe);
    CHECK(caller.link.take_retried() == 0);
  }
  SUBCASE("cancelled") {
    Caller caller;
    caller.connect();
    auto future = caller.call<&Store::put>(1);
    future.cancel();
    caller.lose_session();
    CHECK(caller.link.take_retried() == 0);
    CHECK(error_of(std::move(future)).code == Errc::cancelled);
  }
  SUBCASE("too late") {
    Caller caller;
    caller.connect();
    caller.limit_ns = 0;
    auto future = caller.call<&Store::put>(1);
    caller.lose_session();
    CHECK(caller.link.take_retried() == 0);
    CHECK(error_of(std::move(future)).ran != Ran::no);
  }
  SUBCASE("the Env has ended") {
    Caller caller;
    caller.connect();
    auto future = caller.call<&Store::put>(1);
    caller.lose_env();
    CHECK(caller.link.take_retried() == 0);
    CHECK(lost(std::move(future)).ran == Ran::maybe);
  }
  SUBCASE("the Env ends while the call waits to be sent again") {
    Caller caller;
    caller.connect();
    auto future = caller.call<&Store::put>(1);
    caller.lose_session();
    CHECK(caller.link.take_retried() == 1);
    caller.lose_env();
    auto const error = lost(std::move(future));
    CHECK(error.ran == Ran::maybe);
    CHECK(error.text == "env 7 is lost: the test is over");
  }
  SUBCASE("by configuration") {
    Caller caller(LinkLimits{.retries_max = 0});
    caller.connect();
    auto future = caller.call<&Store::put>(1);
    caller.lose_session();
    CHECK(lost(std::move(future)).ran == Ran::maybe);
  }
}

TEST_CASE("a call is sent again so many times") {
  Caller caller(LinkLimits{.retries_max = 2});
  caller.connect();
  auto future = caller.call<&Store::put>(1);
  CHECK(caller.sent() == "put 1");
  for (std::uint64_t session = 201; session < 203; ++session) {
    caller.lose_session();
    CHECK(caller.link.take_retried() == 1);
    caller.connect(0, session);
    CHECK(caller.sent() == "put 1 again");
  }
  caller.lose_session();
  CHECK(caller.link.take_retried() == 0);
  auto const error = lost(std::move(future));
  CHECK(error.ran == Ran::maybe);
  CHECK(error.text.ends_with("; the call was sent 3 times"));
}

TEST_CASE("where no further session comes about in as much time as the last one had, a call ends") {
  Caller caller;
  caller.connect();
  auto future = caller.call<&Store::put>(1);
  caller.lose_session();
  CHECK(caller.link.take_retried() == 1);
  auto later = caller.call<&Store::put>(2);
  REQUIRE(caller.link.resume_is_over(caller.link.cut()));  // nobody could be dialled
  CHECK(caller.link.take_retried() == 0);
  auto const error = lost(std::move(future));
  CHECK(error.ran == Ran::maybe);
  CHECK(error.text.find(" times") == std::string::npos);
  CHECK(lost(std::move(later)).ran == Ran::no);
}

TEST_CASE("what no carrier took does not count") {
  Caller caller(LinkLimits{.retries_max = 1});
  caller.connect();
  caller.cut();
  auto future = caller.call<&Store::put>(1);
  REQUIRE(caller.link.resume_is_over(caller.link.cut()));
  CHECK(caller.link.take_retried() == 1);
  caller.connect(0, 201);
  CHECK(caller.sent() == "put 1");
  caller.lose_session();
  CHECK(caller.link.take_retried() == 1);
  caller.connect(0, 202);
  CHECK(caller.sent() == "put 1 again");
  caller.lose_session();
  CHECK(lost(std::move(future)).text.ends_with("; the call was sent 2 times"));
}

TEST_CASE("what one Worker calls at another stays in order") {
  Caller caller;
  caller.connect();
  auto first = caller.call<&Store::put>(1);
  auto second = caller.call<&Store::put>(2);
  SUBCASE("calls that are retried, and later ones") {
    auto third = caller.call<&Store::find>(3);
    caller.lose_session();
    auto fourth = caller.call<&Store::append>(4);
    CHECK(caller.link.take_retried() == 3);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 1 again, put 2 again, find 3 again, append 4");
    caller.lose_env();
    for (auto* const future : {&first, &second, &third, &fourth}) CHECK(lost(std::move(*future)).ran == Ran::maybe);
  }
  SUBCASE("a later call cannot be retried, and may have run: neither is what was before it") {
    auto third = caller.call<&Store::append>(3);
    auto fourth = caller.call<&Store::put>(4);
    auto other = caller.call_at<&Store::put>(ConcId{32}, 5);
    caller.lose_session();
    CHECK(caller.link.take_retried() == 2);
    for (auto* const future : {&first, &second, &third}) CHECK(lost(std::move(*future)).ran == Ran::maybe);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 4 again, put 5 again");
    caller.lose_env();
    lost(std::move(fourth));
    lost(std::move(other));
  }
  SUBCASE("a later call surely did not run") {
    caller.cut();
    auto third = caller.call<&Store::append>(3);
    auto fourth = caller.call<&Store::put>(4);
    REQUIRE(caller.link.resume_is_over(caller.link.cut()));
    CHECK(lost(std::move(third)).ran == Ran::no);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 1 again, put 2 again, put 4");
    caller.lose_env();
    for (auto* const future : {&first, &second, &fourth}) lost(std::move(*future));
  }
}

TEST_CASE("a call is not retried behind a later one that was answered, though its own answer is lost") {
  Caller caller;
  caller.connect();
  auto first = caller.call<&Store::put>(1);
  auto other = caller.call_at<&Store::put>(ConcId{32}, 2);
  auto second = caller.call<&Store::append>(3);
  SUBCASE("by a value") {
    caller.answer_last(3);
    CHECK(second.get() == 3);
    auto third = caller.call<&Store::put>(4);
    caller.lose_session();
    CHECK(lost(std::move(first)).ran == Ran::maybe);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 2 again, put 4 again");
    caller.answer_last(4);
    CHECK(third.get() == 4);
  }
  SUBCASE("by a value of a method that may be retried itself") {
    auto third = caller.call<&Store::put>(4);
    caller.answer_last(4);
    CHECK(third.get() == 4);
    caller.lose_session();
    CHECK(lost(std::move(first)).ran == Ran::maybe);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 2 again");
    lost(std::move(second));
  }
  SUBCASE("by an error of one that may have run") {
    caller.fail_last(Ran::maybe);
    CHECK(error_of(std::move(second)).code == Errc::overloaded);
    caller.lose_session();
    CHECK(lost(std::move(first)).ran == Ran::maybe);
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 2 again");
  }
  SUBCASE("but behind one that did not run") {
    caller.fail_last(Ran::no);
    CHECK(error_of(std::move(second)).code == Errc::overloaded);
    caller.lose_session();
    caller.connect(0, 201);
    CHECK(caller.sent() == "put 1 again, put 2 again");
    caller.lose_env();
    lost(std::move(first));
  }
  caller.lose_env();
  lost(std::move(other));
}

TEST_CASE("where the peer has begun anew, what was not sent yet goes first, and nothing is retried behind it") {
  Caller caller;
  caller.connect();
  auto first = caller.call<&Store::put>(1);
  auto other = caller.call_at<&Store::put>(ConcId{32}, 2);
  caller.cut();
  auto third = caller.call<&Store::append>(3);
  caller.connect(0, 201);
  CHECK(caller.link.take_retried() == 1);
  CHECK(caller.sent() == "append 3, put 2 again");
  CHECK(lost(std::move(first)).ran == Ran::maybe);
  caller.lose_env();
  lost(std::move(other));
  lost(std::move(third));
}

/// Code of the user's, which could call, wait or throw.
struct Counted {
  template <class Archive>
  void save(Archive& archive) const {
    ++saves;
    archive(value);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value);
  }
  int value = 0;
  static inline int saves = 0;
};
class Ledger : public corps::Conc {
 public:
  int set(Counted counted) { return counted.value; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Ledger::set>;
};

TEST_CASE("arguments are packed once, however often the call is sent") {
  Caller caller;
  caller.connect();
  Counted::saves = 0;
  auto future = caller.call<&Ledger::set>(Counted{42});
  CHECK(caller.sent() == "set 42");
  for (std::uint64_t session = 201; session < 204; ++session) {
    caller.lose_session();
    caller.connect(0, session);
    CHECK(caller.sent() == "set 42 again");
  }
  caller.answer_last(42);
  CHECK(future.get() == 42);
  CHECK(Counted::saves == 1);
}

TEST_CASE("what is kept of a call goes with it, and makes room for others") {
  Caller caller(LinkLimits{.in_flight_bytes_max = 10'000});
  caller.connect();
  for (int i = 0; i < 3; ++i) {
    auto answered = caller.call<&Store::size_of>(std::string(6000, 'x'));
    caller.acknowledge(static_cast<std::uint64_t>(i + 1));
    caller.answer_last(std::size_t{6000});
    CHECK(answered.get() == 6000);
  }
  auto future = caller.call<&Store::size_of>(std::string(6000, 'x'));
  for (std::uint64_t session = 201; session < 204; ++session) {
    caller.lose_session();
    CHECK(caller.link.take_retried() == 1);
    caller.connect(0, session);
  }
  caller.lose_env();
  CHECK(error_of(std::move(future)).code == Errc::worker_lost);
}

TEST_CASE("no more bytes are kept to be sent again than requests may wait to be sent") {
  Caller caller(LinkLimits{.in_flight_bytes_max = 10'000});
  caller.connect();
  auto first = caller.call_at<&Store::size_of>(ConcId{32}, std::string(6000, 'x'));
  caller.acknowledge(1);
  auto second = caller.call<&Store::size_of>(std::string(6000, 'x'));
  auto third = caller.call_at<&Store::put>(ConcId{48}, 3);
  caller.lose_session();
  CHECK(caller.link.take_retried() == 2);
  CHECK(error_of(std::move(second)).ran == Ran::maybe);
  CHECK_FALSE(first.ready());
  CHECK_FALSE(third.ready());
  caller.lose_env();
  CHECK(error_of(std::move(first)).code == Errc::worker_lost);
  lost(std::move(third));
}

TEST_CASE("after a retry, an error may have run whatever it says") {
  Caller caller;
  caller.connect();
  auto future = caller.call<&Store::put>(1);
  caller.lose_session();
  caller.connect(0, 201);
  caller.fail_last(Ran::no);
  auto const info = error_of(std::move(future));
  CHECK(info.code == Errc::overloaded);
  CHECK(info.ran == Ran::maybe);
}

TEST_CASE("a connection that is closed for good is made again for what is retried, once its cause has had its time") {
  Caller caller;
  caller.connect();
  auto future = caller.call<&Store::put>(1);
  CHECK(caller.link.carrier_down(*caller.carrier, Ending::final) == Link::Next::give_up);
  CHECK(caller.link.take_retried() == 1);
  CHECK(caller.link.begin_dial());
  caller.link.give_up("connection lost");
  CHECK_FALSE(future.ready());
  CHECK(caller.link.dial_failed());
  CHECK(caller.link.dial_failed() == std::nullopt);  // nobody dials
  caller.lose_env();
  lost(std::move(future));
}

// --- the Env that serves -----------------------------------------------------------------------------------------

TEST_CASE("a retried call whose first run goes on is not run again; one that has been answered is") {
  PlayedEnv peer(here, elsewhere);
  Running corps;
  Event release;
  auto const store = corps::create<Store>(corps::here()).get();
  peer.call<&Store::hold>(1, store, handle(release));
  peer.call<&Store::hold>(1 | again, store, handle(release));
  peer.call<&Store::put>(2, store, 5);
  peer.call<&Store::put>(2 | again, store, 5);
  release.happen();
  CHECK(store.get<&Store::puts>().get() == 2);
  peer.call<&Store::put>(2 | again, store, 5);
  CHECK(store.get<&Store::puts>().get() == 3);
}

TEST_CASE("a retried call is not run behind a later one of the same caller, whose first run goes on") {
  PlayedEnv peer(here, elsewhere);
  Running corps;
  Event release;
  auto const store = corps::create<Store>(corps::here()).get();
  auto const other = corps::create<Store>(corps::here()).get();
  peer.call<&Store::hold>(2, store, handle(release));
  peer.call<&Store::put>(1 | again, store, 5);
  peer.call<&Store::put>(3 | again, store, 5);
  peer.call<&Store::put>(1 | again, other, 5);
  release.happen();
  CHECK(store.get<&Store::puts>().get() == 2);  // 2 and 3
  CHECK(other.get<&Store::puts>().get() == 1);
}

}  // namespace net_retry_test
