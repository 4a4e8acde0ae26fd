// expect: corps: the class of this object does not have this method
#include <corps/corps.hpp>

struct Other : corps::Conc {
  void open() {}
};
struct One : corps::Conc {
  static constexpr bool corps_receives = true;
  corps::Task<> on_main() override { co_await corps::receive(*this).only<&Other::open>(); }
};
