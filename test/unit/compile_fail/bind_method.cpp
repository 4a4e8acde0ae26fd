// expect: corps: bind takes a free function
#include <corps/corps.hpp>

struct One : corps::Conc {
  int number(int n) { return n; }
};

auto bound() { return corps::bind<&One::number>(); }
