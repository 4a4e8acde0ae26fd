// expect: corps: this type cannot be packed: pointers, references and views never travel
#include <string_view>

#include "corps/pack.hpp"

void pack(corps::Packer& packer, std::vector<std::string_view> const& value) { packer(value); }
