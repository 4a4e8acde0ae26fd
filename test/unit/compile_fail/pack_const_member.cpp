// expect: corps: this aggregate cannot be packed: it has a const member
#include "corps/pack.hpp"

struct Fixed {
  int const id;
};

void unpack(corps::Unpacker& unpacker, Fixed& value) { unpacker(value); }
