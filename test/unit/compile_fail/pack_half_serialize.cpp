// expect: corps: this type cannot be packed: it can be written or read but not both
#include "corps/pack.hpp"

class WriteOnly {
 public:
  template <class Archive>
  void save(Archive& archive) const {
    archive(value_);
  }

 private:
  int value_ = 0;
};

void pack(corps::Packer& packer, WriteOnly const& value) { packer(value); }
