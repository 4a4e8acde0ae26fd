// expect: corps: only a Conc has a Name
#include <corps/corps.hpp>

struct One {};

auto name(One const& one) { return corps::name_of(one); }
