// expect: corps: the class of this Name does not have this method
#include <corps/corps.hpp>

struct Base : corps::Conc {};
struct Derived : Base {
  int number() { return 1; }
};

void call(corps::Name<Base> base) { base.tell<&Derived::number>(); }
