// expect: corps: the class of this Name does not have this member
#include <corps/corps.hpp>

struct One : corps::Conc {
  int number = 1;
};
struct Other : corps::Conc {};

void call(corps::Name<Other> other) { (void)other.get<&One::number>(); }
