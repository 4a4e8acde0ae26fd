// expect: corps: this aggregate cannot be packed: a member is a C array
#include "corps/pack.hpp"

struct Record {
  int id;
  char name[16];
  int size;
};

void pack(corps::Packer& packer, Record const& value) { packer(value); }
