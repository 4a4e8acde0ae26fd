#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "corps/detail/call.hpp"
#include "corps/detail/send.hpp"
#include "corps/future.hpp"
#include "env/net/internal/link.hpp"
#include "test/unit/net_memory_carrier.hpp"

namespace corps::net::test {

/// A link over which this Env calls another one, with a carrier in memory of which the test is the other end.
struct CallingLink {
  CallingLink(EnvId self, EnvId env, LinkLimits limits = {}) : link(self, env, limits) {}

  /// What the peer says when a carrier is there: who it is, and what it has received.
  void connect(std::uint64_t received = 0, std::uint64_t peer_id = 200) {
    carrier = std::make_shared<MemoryCarrier>(Peer{link.env(), 1});
    REQUIRE(link.carrier_up(carrier, true));
    REQUIRE(carrier->text() == "resume (32 bytes)");
    auto const own_id = get_number<std::uint64_t>(carrier->way.front().data() + header_bytes);
    carrier->way.clear();
    corps::detail::ByteBuffer resume;
    corps::Packer out{resume};
    out(peer_id, own_id, received, std::uint64_t{1} << 30);
    Frame const greeting{FrameKind::resume, 0, resume.view()};
    link.take(*carrier, {&greeting, 1});
  }
  void cut() {
    REQUIRE(link.carrier_down(*carrier, Ending::cut) == Link::Next::dial);
    carrier = nullptr;
  }
  /// The connection is cut, and the time to restore it is over.
  void lose_session() {
    cut();
    REQUIRE(link.resume_is_over(link.cut()));
  }
  void lose_env() {
    link.env_ended("the test is over");
    link.give_up({});
  }
  /// As Name::call does, to a Worker of the other Env. The test sends the cancel, for this Env knows of no other one.
  template <auto method, class... A>
  auto call(A... args) {
    return call_at<method>(ConcId{16}, std::move(args)...);
  }
  template <auto method, class... A>
  auto call_at(ConcId target, A... args) {
    using Op = corps::detail::MethodOp<method>;
    REQUIRE(corps::detail::Registered<Op>::done);
    using Call = corps::detail::Call<Op>;
    auto request = std::make_unique<Call>(std::in_place, std::move(args)...);
    auto& reply = *request;
    REQUIRE(corps::detail::open_call(reply, {link.env(), target}, limit_ns));
    CHECK(reply.begin());
    last = &reply;
    link.send(std::move(request));
    return corps::detail::FutureMaker<typename Call::Result>::make(reply);
  }
  void cancel_last() { link.cancel(last->origin_call); }
  /// The peer answers the call that was made last.
  template <class T>
  void answer_last(T const& value) {
    corps::detail::ByteBuffer answer;
    corps::Packer out{answer};
    out(last->origin_call, value);
    link.on_answer(answer.view());
  }

  Link link;
  std::shared_ptr<MemoryCarrier> carrier;
  std::int64_t limit_ns = corps::detail::default_limit_ns;
  corps::detail::Request const* last = nullptr;
};

}  // namespace corps::net::test
