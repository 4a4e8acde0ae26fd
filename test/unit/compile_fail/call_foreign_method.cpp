// expect: corps: the class of this Name does not have this method
#include <corps/corps.hpp>

struct One : corps::Conc {
  int number() { return 1; }
};
struct Other : corps::Conc {};

void call(corps::Name<Other> other) { other.tell<&One::number>(); }
