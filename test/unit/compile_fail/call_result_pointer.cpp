// expect: corps: this type cannot be packed: pointers, references and views never travel
#include <corps/corps.hpp>

struct One : corps::Conc {
  int* number() { return nullptr; }
};

void call(corps::Name<One> one) { one.tell<&One::number>(); }
