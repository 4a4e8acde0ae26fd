// What a tell inside an Env keeps of a request though it travels in a smaller form, and when it becomes one.

#include <string>
#include <vector>

#include "corps/detail/tell.hpp"
#include "env/mail/internal/dead_letters.hpp"
#include "env/mail/internal/lost_errors.hpp"
#include "test/unit/runtime_kit.hpp"

namespace tell_test {

using namespace runtime_kit;
using corps::mail::DeadLetter;

/// Writes down what it knows of each request.
class Listener : public corps::Conc {
 public:
  void hear(std::string const& text) {
    auto const request = corps::this_request();
    bool const endless = my_deadline() == std::chrono::steady_clock::time_point::max();
    heard.push_back(text + (request.wants_answer() ? ", a call" : ", a tell") + " of " + std::string{my_method()} +
                    (request.caller() == corps::ConcAddr{} ? " by nobody" : "") + (endless ? "" : ", in time") +
                    (corps::cancelled() ? ", cancelled" : "") + (corps::context().user.empty() ? "" : " for ") +
                    corps::context().user);
    last_caller = request.caller();
  }
  int fail(int times) {
    if (times > 0) throw std::runtime_error{"no"};
    return times;
  }
  /// Blocks in the middle; what it knows is the same afterwards.
  void ask(corps::Name<Listener> other, std::string const& text) {
    other.tell<&Listener::hear>("asked by " + text);
    other.call<&Listener::hear>("called by " + text).get();
    hear(text);
  }
  std::vector<std::string> heard;
  corps::ConcAddr last_caller;
};

class Hooked : public Listener {
 public:
  void on_request(corps::Incoming const& request) override { seen.push_back(std::string{request.method()}); }
  std::vector<std::string> seen;
};

/// Serves nothing until it is asked to begin.
class Selecting : public Listener {
 public:
  static constexpr bool corps_receives = true;
  void begin() {}
  corps::Task<> on_main() override {
    co_await corps::receive(*this).only<&Selecting::begin>();
    for (;;) co_await corps::receive(*this).any();
  }
};

class Speaker : public corps::Conc {
 public:
  corps::Task<> speak(corps::Name<Listener> to) {
    to.tell<&Listener::hear>("small");
    to.within(std::chrono::minutes{1}).tell<&Listener::hear>("large");
    {
      corps::Context ada;
      ada.user = "ada";
      corps::WithContext const context{ada};
      to.tell<&Listener::hear>("known");
    }
    to.tell<&Listener::hear>("small again");
    co_await to.call<&Listener::hear>("last");
  }
};

std::uint64_t dead(DeadLetter kind) { return corps::mail::dead_letters()[static_cast<std::size_t>(kind)]; }

TEST_CASE("a small tell with two words of arguments is one cache line") {
  CHECK(sizeof(corps::detail::Tell<corps::detail::MethodOp<&Listener::fail>>) <= 64);
  CHECK(corps::detail::ends_at_return<corps::detail::MethodOp<&Listener::fail>>());
  CHECK_FALSE(corps::detail::ends_at_return<corps::detail::MethodOp<&Speaker::speak>>());
}

TEST_CASE("a tell knows what a request knows, and keeps its place among others") {
  Running const corps;
  auto const listener = corps::create<Listener>(corps::here()).get();
  auto const speaker = corps::create<Speaker>(corps::here()).get();
  speaker.call<&Speaker::speak>(listener).get();
  CHECK(listener.get<&Listener::heard>().get() ==
        std::vector<std::string>{"small, a tell of hear", "large, a tell of hear, in time", "known, a tell of hear for ada",
                                 "small again, a tell of hear", "last, a call of hear, in time"});
  CHECK(listener.get<&Listener::last_caller>().get() == speaker.address());
}

TEST_CASE("what the method of a tell throws is noted as lost, and its Worker goes on") {
  Running const corps;
  auto const listener = corps::create<Listener>(corps::here()).get();
  auto const before = corps::mail::lost_errors();
  for (int i = 0; i < 3; ++i) listener.tell<&Listener::fail>(1);
  CHECK(listener.call<&Listener::fail>(0).get() == 0);
  CHECK(corps::mail::lost_errors() == before + 3);
}

TEST_CASE("the method of a tell may block, while others are told on the same thread") {
  Running const corps{{"env.threads=1"}};
  auto const a = corps::create<Listener>(corps::here()).get();
  auto const b = corps::create<Listener>(corps::here()).get();
  auto const c = corps::create<Listener>(corps::here()).get();
  a.tell<&Listener::ask>(b, "a");
  b.tell<&Listener::ask>(c, "b");
  a.call<&Listener::hear>("end").get();
  b.call<&Listener::hear>("end").get();
  auto const of_a = a.get<&Listener::heard>().get();
  REQUIRE(of_a.size() == 2);
  CHECK(of_a[0].starts_with("a, a tell of ask"));
  auto const of_c = c.get<&Listener::heard>().get();
  REQUIRE(of_c.size() == 2);
  CHECK(of_c[0].starts_with("asked by b, a tell of hear"));
  CHECK(of_c[1].starts_with("called by b, a call of hear"));
}

TEST_CASE("a class with hooks sees a tell as the request that it is, and one that selects finds it by its method") {
  Running const corps;
  auto const hooked = corps::create<Hooked>(corps::here()).get();
  hooked.tell<&Listener::hear>("x");
  hooked.call<&Listener::fail>(0).get();
  CHECK(hooked.get<&Hooked::seen>().get() == std::vector<std::string>{"hear", "fail", "seen"});
  CHECK(hooked.get<&Listener::heard>().get().size() == 1);

  auto const selecting = corps::create<Selecting>(corps::here()).get();
  selecting.tell<&Listener::hear>("first");
  selecting.tell<&Selecting::begin>();
  selecting.tell<&Listener::hear>("second");
  auto const heard = selecting.get<&Listener::heard>().get();
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].starts_with("first, a tell of hear"));
  CHECK(heard[1].starts_with("second, a tell of hear"));
}

TEST_CASE("a tell to a Worker that has ended is counted, also one that waited in its mailbox") {
  Running const corps;
  Holder::Events events;
  auto const holder = corps::create<Holder>(corps::here()).get();
  auto holding = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto const before = dead(DeadLetter::no_worker);
  holder.tell<&Holder::quick>();
  auto ended = corps::exit(holder).ended();  // asked for now: who asks while it ends may hear of it before all is counted
  events.release.happen();
  ended.get();
  CHECK(dead(DeadLetter::no_worker) == before + 1);
  holder.tell<&Holder::quick>();
  CHECK(dead(DeadLetter::no_worker) == before + 2);
  holding.get();
}

}  // namespace tell_test
