// expect: corps: this type cannot be packed: it is a C array; use std::array or std::vector
#include "corps/pack.hpp"

void pack(corps::Packer& packer, int const (&value)[3]) { packer(value); }
