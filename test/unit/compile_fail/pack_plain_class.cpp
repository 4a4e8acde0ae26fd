// expect: corps: this type cannot be packed: it is neither a standard container, nor a plain aggregate, and has no serialize
#include "corps/pack.hpp"

class Closed {
 public:
  explicit Closed(int value) : value_(value) {}
  int value() const { return value_; }

 private:
  int value_;
};

void pack(corps::Packer& packer, Closed const& value) { packer(value); }
