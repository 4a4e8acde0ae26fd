// expect: corps: the items of a Stream are values
// expect: corps: a Stream takes its parameters by value: a reference may dangle
#include "corps/stream.hpp"

corps::Stream<int> dangles(int const& to) {
  for (int i = 0; i < to; ++i) co_yield i;
}

void wrong(corps::Stream<int&> numbers);
void use(corps::Stream<int&>& numbers) { numbers.set_window(1); }
