// expect: corps: this type cannot be packed: unpacking first makes one by its default constructor, and it has none
#include "corps/pack.hpp"

class Id {
 public:
  explicit Id(int value) : value_(value) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value_);
  }

 private:
  int value_;
};

Id unpack(corps::Unpacker& unpacker) {
  Id id(1);
  unpacker(id);
  return id;
}
