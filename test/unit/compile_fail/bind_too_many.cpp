// expect: corps: bind has more arguments than the function has parameters
#include <corps/corps.hpp>

int square(int n);

auto bound() { return corps::bind<&square>(1, 2); }
