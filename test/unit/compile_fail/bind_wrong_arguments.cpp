// expect: corps: the arguments of bind do not fit the first parameters of the function
#include <corps/corps.hpp>

int length(std::string text, int more);

auto bound() { return corps::bind<&length>(1); }
