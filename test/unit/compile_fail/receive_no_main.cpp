// expect: corps: a class that declares corps_receives overrides on_main
#include <corps/corps.hpp>

struct One : corps::Conc {
  static constexpr bool corps_receives = true;
  void open() {}
};

auto create() { return corps::create<One>(corps::here()); }
