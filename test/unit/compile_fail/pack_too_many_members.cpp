// expect: corps: this aggregate cannot be packed: it has more than 64 members
#include "corps/pack.hpp"

struct Eight {
  int a, b, c, d, e, f, g, h;
};
struct Many {
  Eight a, b, c, d, e, f, g, h;
  Eight a1, b1, c1, d1, e1, f1, g1, h1;
  Eight a2, b2, c2, d2, e2, f2, g2, h2;
  Eight a3, b3, c3, d3, e3, f3, g3, h3;
  Eight a4, b4, c4, d4, e4, f4, g4, h4;
  Eight a5, b5, c5, d5, e5, f5, g5, h5;
  Eight a6, b6, c6, d6, e6, f6, g6, h6;
  Eight a7, b7, c7, d7, e7, f7, g7, h7;
  int one_too_many;
};

void pack(corps::Packer& packer, Many const& value) { packer(value); }
