// expect: ignoring return(ed)? value of
#include <corps/corps.hpp>

#pragma GCC diagnostic error "-Wunused-result"

struct One : corps::Conc {
  int number() { return 1; }
};

void call(corps::Name<One> one) { one.call<&One::number>(); }
