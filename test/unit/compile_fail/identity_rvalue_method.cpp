// expect: corps: a method that is volatile, has && or takes `...` cannot be called through a Name
#include "corps/detail/method_id.hpp"

class Server {
 public:
  void once() &&;
};

auto const id = corps::detail::method_id<&Server::once>();
