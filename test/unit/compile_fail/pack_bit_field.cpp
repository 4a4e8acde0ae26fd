// expect: corps: this aggregate cannot be packed: it has a bit-field
#include "corps/pack.hpp"

struct Flags {
  unsigned low : 3;
  unsigned high : 29;
};

void pack(corps::Packer& packer, Flags const& value) { packer(value); }
