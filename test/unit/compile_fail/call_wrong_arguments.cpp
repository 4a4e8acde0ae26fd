// expect: corps: the arguments do not fit the parameters of this method
#include <corps/corps.hpp>

struct One : corps::Conc {
  int number(int n, std::string text) { return n + static_cast<int>(text.size()); }
};

void call(corps::Name<One> one) { one.tell<&One::number>("text", 1); }
