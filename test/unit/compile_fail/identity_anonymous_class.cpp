// expect: corps: this class has no name that every compiler prints alike
#include "corps/detail/method_id.hpp"

namespace {
class Hidden {
 public:
  void method() {}
};
}  // namespace

auto const id = corps::detail::method_id<&Hidden::method>();
