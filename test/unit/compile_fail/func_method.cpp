// expect: corps: Funcs offers free functions
#include <corps/corps.hpp>

struct One : corps::Conc {
  int number(int n) { return n; }
};

auto create() { return corps::create<corps::Funcs<&One::number>>(corps::here()); }
