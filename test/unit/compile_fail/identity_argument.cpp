// expect: corps: this type cannot be packed: pointers, references and views never travel
#include <memory>

#include "corps/detail/method_id.hpp"

class Server {
 public:
  void take(std::shared_ptr<int> value);
};

auto const id = corps::detail::method_id<&Server::take>();
