// expect: corps: this type cannot be packed: pointers, references and views never travel
#include <cereal/types/memory.hpp>
#include <memory>

#include "corps/pack.hpp"

void pack(corps::Packer& packer, std::unique_ptr<int> const& value) { packer(value); }
