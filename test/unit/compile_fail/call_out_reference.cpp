// expect: corps: a method that is called through a Name takes its parameters by value or by const reference
#include <corps/corps.hpp>

struct One : corps::Conc {
  void fill(std::string& text) { text = "out"; }
};

void call(corps::Name<One> one, std::string text) { one.tell<&One::fill>(text); }
