// expect: corps: corps_mailbox, the requests that may wait at an object, is a number from 1 to 250,000
#include <corps/corps.hpp>

struct One : corps::Conc {
  static constexpr int corps_mailbox = 0;
};

auto create() { return corps::create<One>(corps::here()); }
