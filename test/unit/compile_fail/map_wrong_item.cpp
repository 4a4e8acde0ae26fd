// expect: corps: the arguments do not fit the parameters of this method
#include <corps/corps.hpp>

int square(int n);
using Math = corps::Funcs<&square>;

auto squares(std::vector<corps::Name<Math>> workers) { return corps::map<&square>(workers, std::vector<std::string>{"a"}); }
