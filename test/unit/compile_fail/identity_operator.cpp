// expect: corps: this method has no name that every compiler prints alike \(an operator or conversion\)
#include "corps/detail/method_id.hpp"

class Functor {
 public:
  int operator()(int);
};

auto const id = corps::detail::method_id<&Functor::operator()>();
