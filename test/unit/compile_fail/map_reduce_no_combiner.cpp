// expect: corps: reduce wants a method or a function R\(R, R\)
#include <corps/corps.hpp>

double add(int left, int right);
using Math = corps::Funcs<&add>;

auto total(std::vector<corps::Name<Math>> workers) { return corps::reduce<&add>(workers, std::vector<int>{1, 2}); }
