// Calls a method that only an Api offers, by its identity, in this Env and in another one.
#include "offers.hpp"
#include "test/system/programs/system_probe.hpp"

using probe::say;

class UsesOffers : public corps::Corps {
  corps::Task<> on_main() override {
    for (corps::EnvId env = 0; env < 2; ++env) {
      auto const offering = co_await make_offering(env);
      auto const* const method = corps::detail::find_method(offered_method());
      if (method == nullptr) {
        say("not found");
        co_return;
      }
      corps::detail::ByteBuffer bytes;
      corps::Packer out{bytes};
      out(14);
      corps::Unpacker in{bytes};
      auto request = method->make(in);
      auto& reply = static_cast<corps::detail::Reply<int>&>(*request.release());
      corps::detail::send(reply, offering.address(), nullptr, corps::detail::default_limit_ns);
      auto answer = corps::detail::FutureMaker<int>::make(reply);
      auto const tripled = co_await answer;
      say("env %u %s says %d", env, corps::detail::readable(*method).c_str(), tripled);
    }
  }
};

int main(int argc, char** argv) { return corps::run<UsesOffers>(argc, argv); }
