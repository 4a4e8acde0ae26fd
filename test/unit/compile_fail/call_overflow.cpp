// expect: corps: corps_overflow is one of corps::Overflow
#include <corps/corps.hpp>

struct One : corps::Conc {
  static constexpr int corps_overflow = 1;
};

auto create() { return corps::create<One>(corps::here()); }
