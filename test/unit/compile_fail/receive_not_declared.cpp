// expect: corps: receive is for a class that declares
#include <corps/corps.hpp>

struct One : corps::Conc {
  void open() {}
  corps::Task<> on_main() override { co_await corps::receive(*this).only<&One::open>(); }
};
