// expect: corps: an abstract class cannot be created
#include <corps/corps.hpp>

struct One : corps::Conc {
  virtual int number() = 0;
};

auto make() { return corps::create<One>(corps::here()); }
