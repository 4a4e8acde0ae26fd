// expect: corps: a function that is bound takes its parameters by value or by const reference
// expect: corps: a Task takes its parameters by value: a reference may dangle
// expect: corps: bound arguments are copied into each call, so their types must be copyable
#include <memory>

#include "corps/bind.hpp"

struct Once {
  Once() = default;
  Once(Once&&) = default;
  int value = 0;
};

int out(int& result);
corps::Task<int> later(int const& number);
int once(Once only, int number);

void wrong() {
  (void)corps::bind<&out>();
  (void)corps::bind<&later>();
  (void)corps::bind<&once>(Once{});
}
