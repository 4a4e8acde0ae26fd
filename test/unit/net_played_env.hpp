#pragma once

#include <doctest/doctest.h>

#include <cstdint>

#include "corps/detail/call.hpp"
#include "corps/detail/send.hpp"
#include "env/net/internal/link.hpp"

namespace corps::net::test {

/// Another Env, as the link to it sees it: the test says what it sends.
struct PlayedEnv {
  PlayedEnv(EnvId self, EnvId env) : link(self, env, {}) {}

  template <auto method, class T, class... A>
  void call(std::uint64_t number, Name<T> target, A const&... args) {
    REQUIRE(corps::detail::Registered<corps::detail::MethodOp<method>>::done);
    tell(&Link::on_request, number, corps::detail::MethodOp<method>::record.id.hash,
         static_cast<std::uint64_t>(target.address().conc), std::int64_t{-1}, std::uint64_t{16}, false, args...);
  }
  void cancel(std::uint64_t number) { tell(&Link::on_cancel, number); }
  template <class... A>
  void tell(void (Link::*what)(Payload const&), A const&... values) {
    corps::detail::ByteBuffer bytes;
    corps::Packer out{bytes};
    ((void)out(values), ...);
    (link.*what)(bytes.view());
  }

  Link link;
};

}  // namespace corps::net::test
