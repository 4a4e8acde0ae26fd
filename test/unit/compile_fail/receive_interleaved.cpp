// expect: corps: a class receives by itself, or is interleaved, but not both
#include <corps/corps.hpp>

struct One : corps::Conc {
  static constexpr bool corps_receives = true;
  static constexpr bool corps_interleaved = true;
  void open() {}
  corps::Task<> on_main() override { co_return; }
};

auto create() { return corps::create<One>(corps::here()); }
