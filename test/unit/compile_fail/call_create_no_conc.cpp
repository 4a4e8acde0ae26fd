// expect: corps: only a class that derives from corps::Conc can be created
#include <corps/corps.hpp>

struct One {};

auto make() { return corps::create<One>(corps::here()); }
