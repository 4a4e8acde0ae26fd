// expect: corps: this class has no name that every compiler prints alike
#include "corps/detail/method_id.hpp"

template <class T>
class Cache {
 public:
  void put(T);
};

auto const id = corps::detail::method_id<&Cache<int>::put>();
