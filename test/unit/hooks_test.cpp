// What a class sees of its requests: on_request, on_reply, this_request and the accessors.

#include <stdexcept>
#include <string>

#include "test/unit/runtime_kit.hpp"

namespace hooks_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using corps::Errc;
using corps::Ran;

/// Writes its requests down, and refuses some.
class Watched : public corps::Conc {
 public:
  int put(int n) {
    if (n < 0) throw std::out_of_range("negative");
    return number = n;
  }
  corps::Task<int> ask(corps::Name<Holder> holder) { co_return co_await holder.call<&Holder::quick>(); }
  std::vector<std::string> lines() { return std::move(lines_); }
  void forbidden() {}
  void broken() {}
  int number = 0;

 private:
  void on_request(corps::Incoming const& request) override {
    if (request.is<&Watched::forbidden>()) throw corps::Refused("not for you");
    if (request.is<&Watched::broken>()) throw std::runtime_error("a fault");
    if (request.is<&Watched::lines>()) return;
    last_key_ = request.key();
    lines_.push_back((request.wants_answer() ? "call " : "tell ") + std::string{request.method()});
  }
  void on_reply(corps::Incoming const& request, corps::ErrorInfo const* error) noexcept override {
    if (request.is<&Watched::lines>()) return;
    lines_.push_back(std::string{request.method()} + (error == nullptr ? " done" : " failed: " + error->text) +
                     (request.key() == last_key_ ? "" : " of another"));
  }
  std::vector<std::string> lines_;
  std::uint64_t last_key_ = 0;
};

TEST_CASE("on_request sees each request before, on_reply after it") {
  Running corps;
  auto const watched = corps::create<Watched>(corps::here()).get();
  auto const holder = corps::create<Holder>(corps::here()).get();
  CHECK(watched.call<&Watched::put>(3).get() == 3);
  CHECK(error_of(watched.call<&Watched::put>(-1)).type == "std::out_of_range");
  watched.tell<&Watched::put>(4);
  CHECK(watched.get<&Watched::number>().get() == 4);
  watched.set<&Watched::number>(5).get();
  CHECK(watched.call<&Watched::ask>(holder).get() == 1);
  CHECK(watched.call<&Watched::lines>().get() ==
        std::vector<std::string>{"call put", "put done", "call put", "put failed: negative", "tell put", "put done",
                                 "call number", "number done", "call number", "number done", "call ask", "ask done"});
}

TEST_CASE("what on_request throws refuses the request, and it surely was not run") {
  Running corps;
  auto const watched = corps::create<Watched>(corps::here()).get();
  auto const refused = error_of(watched.call<&Watched::forbidden>());
  CHECK(refused.code == Errc::refused);
  CHECK(refused.ran == Ran::no);
  CHECK(refused.text == "not for you");
  auto const broken = error_of(watched.call<&Watched::broken>());
  CHECK(broken.code == Errc::refused);
  CHECK(broken.ran == Ran::no);
  CHECK(broken.text.find("refused hooks_test::Watched::broken: std::runtime_error: a fault") != std::string::npos);
  watched.tell<&Watched::forbidden>();  // logged
  CHECK(watched.call<&Watched::put>(1).get() == 1);
  CHECK(watched.call<&Watched::lines>().get() == std::vector<std::string>{"call put", "put done"});
}

class Base : public corps::Conc {
 public:
  void on_request(corps::Incoming const&) override { ++seen; }
  int seen = 0;
};
class Derived final : public Base {
 public:
  int value() { return seen; }
};
class Plain : public corps::Conc {
 public:
  int on_main_calls() { return 0; }
};

TEST_CASE("only classes that override a hook have it, themselves or by a base") {
  static_assert(corps::detail::overridden_hooks<Plain>() == 0);
  static_assert(corps::detail::overridden_hooks<Front>() == 0);
  static_assert(corps::detail::overridden_hooks<corps::Funcs<&corps::stop>>() == 0);
  static_assert(corps::detail::overridden_hooks<Derived>() == corps::detail::hook_request);
  static_assert(corps::detail::overridden_hooks<Watched>() == (corps::detail::hook_request | corps::detail::hook_reply));
  Running corps;
  CHECK(corps::create<Derived>(corps::here()).get().call<&Derived::value>().get() == 1);
}

/// Is suspended when it ends.
class Ending : public corps::Conc {
 public:
  explicit Ending(std::uint64_t replies) : replies_(object_of<int>(replies)) {}
  corps::Task<int> wait(corps::Name<Holder> holder, std::uint64_t begun) {
    auto call = holder.call<&Holder::quick>();
    object_of<Event>(begun).happen();
    co_return co_await call;
  }
  void on_reply(corps::Incoming const&, corps::ErrorInfo const*) noexcept override { ++replies_; }

 private:
  int& replies_;
};

TEST_CASE("a request that ends with its object is not seen by on_reply") {
  Running corps;
  int replies = 0;
  Holder::Events events;
  Event begun;
  auto const holder = corps::create<Holder>(corps::here()).get();
  auto held = holder.call<&Holder::hold>(handle(events));
  REQUIRE(events.entered.wait());
  auto const ending = corps::create<Ending>(corps::here(), handle(replies)).get();
  auto waits = ending.call<&Ending::wait>(holder, handle(begun));
  REQUIRE(begun.wait());
  corps::exit(ending);
  CHECK(error_of(std::move(waits)).code == Errc::worker_lost);
  CHECK(replies == 0);
  events.release.happen();
  CHECK(held.get() == 1);
}

}  // namespace hooks_test
