// expect: corps: this class has no name that every compiler prints alike
#include "corps/detail/wire_code.hpp"

template <class T>
struct Box {
  T value{};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

auto const code = corps::detail::wire_code<std::vector<Box<int>>>();
