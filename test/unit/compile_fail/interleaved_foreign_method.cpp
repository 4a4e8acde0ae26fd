// expect: corps: corps_interleaved_methods names a method that the class does not have
#include <corps/corps.hpp>

struct Other : corps::Conc {
  void open() {}
};
struct One : corps::Conc {
  static constexpr auto corps_interleaved_methods = corps::methods<&Other::open>;
};

auto create() { return corps::create<One>(corps::here()); }
