// expect: corps: this type cannot be packed: pointers, references and views never travel
#include "corps/pack.hpp"

struct Node {
  int value;
  Node* next;
};

void pack(corps::Packer& packer, Node const& node) { packer(node); }
