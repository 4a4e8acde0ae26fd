// What a call of a method that another Env has not ends with, whatever that Env says when it is asked for the signatures.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corps/detail/registry.hpp"
#include "corps/detail/reply.hpp"
#include "env/net/internal/signatures.hpp"
#include "test/unit/net_calling_link.hpp"
#include "test/unit/runtime_kit.hpp"
#include "test/unit/twin_kit.hpp"

namespace net_signatures_test {

using namespace runtime_kit;
using namespace std::chrono_literals;
using namespace twin_kit;
using corps::ConcAddr;
using corps::ConcId;
using corps::EnvId;
using corps::Errc;
using corps::ErrorInfo;
using corps::Future;
using corps::Ran;
using corps::detail::Request;

constexpr EnvId here = 0;
constexpr EnvId elsewhere = 7;

class Shop : public corps::Conc {
 public:
  int price(std::string of) { return static_cast<int>(of.size()); }
};

ErrorInfo no_such_method(Ran ran = Ran::no) { return {Errc::attribute, ran, "no such method", {}, {}}; }
constexpr auto called = "no such method; called: net_signatures_test::Shop::price (str)i32";

/// The questions that were asked and are not answered, as the network would have them.
std::vector<std::unique_ptr<Request>> asked;

void keep(std::unique_ptr<Request> question, ConcAddr to) noexcept {
  CHECK(to.env == elsewhere);
  asked.push_back(std::move(question));
}

void refuse_last() {
  auto question = std::move(asked.back());
  asked.pop_back();
  question.release()->bounce({Errc::attribute, Ran::no, "not this one either", {}, {}});
}

/// A call that the other Env has ended with an AttributeError.
Future<int> failed_call(std::chrono::nanoseconds limit, Ran ran = Ran::no) {
  using Call = corps::detail::Call<corps::detail::MethodOp<&Shop::price>>;
  auto call = std::make_unique<Call>(std::in_place, "tea");
  auto& reply = *call;
  REQUIRE(corps::detail::open_call(reply, {elsewhere, ConcId{16}}, limit.count()));
  CHECK(reply.begin());
  auto future = corps::detail::FutureMaker<int>::make(reply);
  corps::net::end_with_signatures(elsewhere, std::move(call), no_such_method(ran), &keep);
  return future;
}

TEST_CASE("the signatures there are in the error of a call whose method is not") {
  for_seeds(5, [](Twin& twin) {
    auto call = failed_call(10s);
    REQUIRE(asked.size() == 1);
    auto* const question = asked.back().release();
    asked.clear();
    static_cast<corps::detail::Reply<std::vector<std::string>>*>(question)->result.emplace({std::string{"(u64)i32"}});
    question->finish();
    CHECK(error_of(std::move(call)).text == std::string{called} + "; there: (u64)i32");
    twin.advance(20s);
    CHECK(asked.empty());
  });
}

TEST_CASE("a peer that refuses the question is not asked again, and the call ends with its own error") {
  for_seeds(5, [](Twin& twin) {
    for (auto const ran : {Ran::no, Ran::maybe}) {
      auto call = failed_call(10s, ran);
      REQUIRE(asked.size() == 1);
      refuse_last();
      auto const error = error_of(std::move(call));
      CHECK(error.code == Errc::attribute);
      CHECK(error.ran == ran);
      CHECK(error.text == called);
      CHECK(asked.empty());
    }
    CHECK(twin.now() == 0s);
  });
}

TEST_CASE("a peer that does not answer the question keeps a call for a second, and not up to its deadline") {
  for_seeds(5, [](Twin& twin) {
    auto const began = twin.now();
    auto short_call = failed_call(100ms);
    auto const in_time = error_of(std::move(short_call));
    CHECK(twin.now() - began == 50ms);
    CHECK(in_time.code == Errc::attribute);
    CHECK(in_time.ran == Ran::no);
    CHECK(in_time.text == called);
    auto const long_began = twin.now();
    CHECK(error_of(failed_call(10s)).text == called);
    CHECK(twin.now() - long_began == 1s);
    while (!asked.empty()) refuse_last();  // too late
  });
}

TEST_CASE("questions that a peer does not answer are bounded") {
  for_seeds(1, [](Twin& twin) {
    std::vector<Future<int>> calls;
    for (int i = 0; i < 150; ++i) calls.push_back(failed_call(10s));
    CHECK(asked.size() == 100);
    for (auto& call : calls) CHECK(error_of(std::move(call)).text == called);
    CHECK(twin.now() == 1s);
    while (!asked.empty()) refuse_last();
    (void)failed_call(10s);
    CHECK(asked.size() == 1);
    refuse_last();
  });
}

// --- which errors ask --------------------------------------------------------------------------------------------

/// What the Env itself would serve, as the question for signatures.
struct OwnQuestion final : corps::detail::Reply<int>, corps::detail::Origin {
  OwnQuestion() : Reply(&record) {}
  void invoke(corps::detail::Cell&) override {}
  void pack_arguments(corps::Packer&) override {}
  void pack_result(corps::Packer&) override {}
  void unpack_result(corps::Unpacker&) override {}
  void answer(std::unique_ptr<Request> request) noexcept override { text = request->error->text, (void)request.release(); }

  std::string text;
  static void serve(std::unique_ptr<Request>) {}
  static constinit corps::detail::MethodRecord record;
};
constinit corps::detail::MethodRecord OwnQuestion::record{
    .id = {0x5742'4e49, "corps", "own_question", "()"}, .make = nullptr, .env_serves = &OwnQuestion::serve};

struct Caller : corps::net::test::CallingLink {
  Caller() : CallingLink(here, elsewhere) {}
  void fail(std::uint64_t number, bool is_unknown_method) {
    corps::detail::ByteBuffer error;
    corps::Packer out{error};
    out(number, no_such_method(), is_unknown_method);
    link.on_error(error.view());
  }
};

TEST_CASE("only the error that a peer marks as that of an unknown method asks") {
  Running corps;
  Caller caller;
  caller.connect();
  for (bool const is_unknown : {false, true}) {
    auto call = caller.call<&Shop::price>(std::string{"tea"});
    caller.fail(caller.last->origin_call, is_unknown);
    CHECK(error_of(std::move(call)).text == (is_unknown ? called : "no such method"));
  }
}

TEST_CASE("a question of the Env itself asks nothing when the peer does not know it") {
  Running corps;
  Caller caller;
  caller.connect();
  auto* const question = new OwnQuestion;
  question->origin = question;
  caller.link.send(std::unique_ptr<Request>{question});
  caller.fail(1, true);
  CHECK(question->text == "no such method");
  delete question;
}

}  // namespace net_signatures_test
