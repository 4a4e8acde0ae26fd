// expect: corps: this type cannot be packed: pointers, references and views never travel
#include <corps/corps.hpp>

int length(char const* text, int more);

auto bound() { return corps::bind<&length>("text"); }
