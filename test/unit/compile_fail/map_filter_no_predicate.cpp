// expect: corps: filter wants a predicate
#include <corps/corps.hpp>

int square(int n);
using Math = corps::Funcs<&square>;

auto chosen(std::vector<corps::Name<Math>> workers) { return corps::filter<&square>(workers, std::vector<int>{1, 2}); }
