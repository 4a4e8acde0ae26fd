// expect: corps: this enum cannot be packed: it has no fixed underlying type
#include "corps/pack.hpp"

enum Open { first, second };

void pack(corps::Packer& packer, Open value) { packer(value); }
