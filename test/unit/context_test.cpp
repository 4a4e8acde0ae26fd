// What travels with calls, and what an object knows of the request that it serves.

#include <string>

#include "test/unit/runtime_kit.hpp"

namespace context_test {

using namespace runtime_kit;
using namespace std::chrono_literals;

std::string user_of_function() { return corps::context().user; }
using Functions = corps::Funcs<&user_of_function>;

class Link : public corps::Conc {
 public:
  std::string user() { return corps::context().user; }
  corps::Task<std::string> user_far(corps::Name<Link> other, int steps) {
    if (steps == 0) co_return corps::context().user;
    co_return co_await other.call<&Link::user_far>(corps::name_of(*this), steps - 1);
  }
  corps::Task<std::string> scopes(corps::Name<Link> other) {
    std::string seen = corps::context().user;
    {
      corps::WithContext const scope{corps::Context{.trace = "t", .user = "inner", .keys = {}}};
      auto const nested = co_await other.call<&Link::user>();
      seen += " " + nested + " " + corps::context().user;
      auto child = co_await corps::create<Link>(corps::here());
      auto const in_child = co_await child.call<&Link::user>();
      seen += " " + in_child;
      auto const told = co_await spawned(other);
      seen += " " + told;
    }
    auto const after = co_await other.call<&Link::user>();
    co_return seen + " " + after;
  }
  corps::Task<std::string> wait(corps::Name<Holder> holder, std::uint64_t events) {
    corps::WithContext const scope{corps::Context{.trace = "", .user = "waits", .keys = {}}};
    co_await holder.call<&Holder::hold>(events);
    co_return corps::context().user;
  }
  static constexpr bool corps_interleaved = true;

 private:
  static corps::Task<std::string> ask(corps::Name<Link> other) { co_return co_await other.call<&Link::user>(); }
  static corps::Task<std::string> spawned(corps::Name<Link> other) {
    auto side = corps::spawn(ask(other));
    co_return co_await side;
  }
};

corps::Context of_user(std::string name) {
  corps::Context context;
  context.user = std::move(name);
  return context;
}

TEST_CASE("a context travels with a call and with all that it calls") {
  Running corps;
  auto const one = corps::create<Link>(corps::here()).get();
  auto const two = corps::create<Link>(corps::here()).get();
  CHECK(one.call<&Link::user>().get().empty());
  CHECK(one.with(of_user("ann")).call<&Link::user>().get() == "ann");
  CHECK(one.with(of_user("ann")).call<&Link::user_far>(two, 10).get() == "ann");
  CHECK(one.with(of_user("ann")).call<&Link::scopes>(two).get() == "ann inner inner inner inner ann");
  CHECK(one.call<&Link::user>().get().empty());
  {
    corps::WithContext const scope{of_user("thread")};
    CHECK(corps::context().user == "thread");
    CHECK(one.call<&Link::user>().get() == "thread");
    auto const functions = corps::create<Functions>(corps::here()).get();
    CHECK(functions.call<&user_of_function>().get() == "thread");
    corps::WithContext const inner{of_user("more")};
    CHECK(one.call<&Link::user_far>(two, 1).get() == "more");
  }
  CHECK(corps::context().user.empty());
  CHECK(one.call<&Link::user>().get().empty());
}

TEST_CASE("requests that wait for each other's turns keep their own contexts") {
  Running corps;
  auto const link = corps::create<Link>(corps::here()).get();
  auto const holder = corps::create<Holder>(corps::here()).get();
  Holder::Events events;
  auto waits = link.with(of_user("first")).call<&Link::wait>(holder, handle(events));
  REQUIRE(events.entered.wait());
  CHECK(link.with(of_user("second")).call<&Link::user>().get() == "second");
  CHECK(link.call<&Link::user>().get().empty());
  events.release.happen();
  CHECK(waits.get(patience) == "waits");
}

TEST_CASE("a context has keys, and a limit") {
  corps::Context context;
  context.set("tenant", "a");
  context.set("tenant", "b");
  REQUIRE(context.find("tenant") != nullptr);
  CHECK(*context.find("tenant") == "b");
  CHECK(context.find("other") == nullptr);
  CHECK(context.bytes() == 4 + 7);
  context.set("large", std::string(corps::context_bytes_max, 'x'));
  CHECK_THROWS_WITH_AS(corps::WithContext{context}, doctest::Contains("and may take 4096"), corps::Overloaded);
}

/// Knows who asks.
class Knowing : public corps::Conc {
 public:
  corps::ConcAddr caller() { return my_caller(); }
  corps::Task<corps::ConcAddr> caller_of(corps::Name<Knowing> other) { co_return co_await other.call<&Knowing::caller>(); }
  std::string method() { return std::string{my_method()}; }
  void told() { told_by_ = my_caller(); }
  corps::ConcAddr told_by() { return told_by_; }
  corps::Task<> tell(corps::Name<Knowing> other) {
    co_await other.call<&Knowing::caller>();
    other.tell<&Knowing::told>();
  }
  bool in_time() { return my_deadline() < corps::now() + 10s && my_deadline() > corps::now(); }
  bool endless() { return my_deadline() == std::chrono::steady_clock::time_point::max(); }
  std::string host() { return my_host(); }
  corps::ConcAddr front() { return my_corps(); }
  corps::Name<corps::Conc> name() { return my_name(); }
  bool in_main_at_start() { return in_main_; }

 private:
  corps::Task<> on_main() override {
    in_main_ = !corps::this_request() && my_method().empty() && my_caller() == corps::ConcAddr{};
    co_return;
  }
  corps::ConcAddr told_by_;
  bool in_main_ = false;
};

TEST_CASE("an object knows its request, its place and its Corps") {
  Running corps;
  auto const one = corps::create<Knowing>(corps::here()).get();
  auto const two = corps::create<Knowing>(corps::here()).get();
  CHECK(one.call<&Knowing::caller_of>(two).get() == one.address());
  CHECK(one.call<&Knowing::caller>().get().conc != corps::ConcId::none);  // this thread's port
  one.call<&Knowing::tell>(two).get();
  CHECK(two.call<&Knowing::told_by>().get() == one.address());
  CHECK(one.call<&Knowing::method>().get() == "method");
  CHECK(one.within(9s).call<&Knowing::in_time>().get());
  CHECK(one.within(corps::no_deadline).call<&Knowing::endless>().get());
  CHECK_FALSE(one.call<&Knowing::host>().get().empty());
  CHECK(one.call<&Knowing::front>().get() == corps::ConcAddr{0, corps::corps_front_id});
  CHECK(one.call<&Knowing::name>().get() == corps::Name<corps::Conc>{one});
  CHECK(one.call<&Knowing::in_main_at_start>().get());
  CHECK_FALSE(corps::this_request());
}

}  // namespace context_test
