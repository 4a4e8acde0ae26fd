// expect: corps: a function that a Func offers takes its parameters by value
#include <corps/corps.hpp>

void count(int& counter);

auto create() { return corps::create<corps::Funcs<&count>>(corps::here()); }
