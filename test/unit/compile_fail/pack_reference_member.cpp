// expect: corps: this type cannot be packed: unpacking first makes one by its default constructor, and it has none \(or, an
#include "corps/pack.hpp"

struct View {
  int id;
  std::string const& text;
};

void pack(corps::Packer& packer, View const& value) { packer(value); }
