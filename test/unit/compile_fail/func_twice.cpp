// expect: corps: Funcs names a function twice
#include <corps/corps.hpp>

int square(int n);

auto create() { return corps::create<corps::Funcs<&square, &square>>(corps::here()); }
