#include "offers.hpp"

class Offering : public corps::Conc {
 public:
  int triple(int n) { return 3 * n; }
  using Api = corps::Api<&Offering::triple>;
};

corps::Task<corps::Name<corps::Conc>> make_offering(corps::EnvId env) {
  auto const name = co_await corps::create<Offering>(corps::env(env));
  co_return corps::Name<corps::Conc>{name};
}

std::uint64_t offered_method() { return corps::detail::method_id<&Offering::triple>().hash; }
