// expect: corps: this type cannot be packed: pointers, references and views never travel
#include "corps/pack.hpp"

class Holder {
 public:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(held_);
  }

 private:
  int* held_ = nullptr;
};

void pack(corps::Packer& packer, Holder const& value) { packer(value); }
