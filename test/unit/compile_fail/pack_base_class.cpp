// expect: corps: this aggregate cannot be packed: it has a base class
#include "corps/pack.hpp"

struct Base {
  int id;
};
struct Derived : Base {
  int more;
};

void pack(corps::Packer& packer, Derived const& value) { packer(value); }
