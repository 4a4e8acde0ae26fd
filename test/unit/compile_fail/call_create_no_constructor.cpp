// expect: corps: the class has no constructor for these arguments
#include <corps/corps.hpp>

struct One : corps::Conc {
  explicit One(std::string) {}
};

auto make() { return corps::create<One>(corps::here(), 1, 2); }
