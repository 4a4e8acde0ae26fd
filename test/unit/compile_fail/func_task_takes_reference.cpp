// expect: corps: a Task takes its parameters by value
#include <corps/corps.hpp>

corps::Task<int> length(std::string const& text);

auto create() { return corps::create<corps::Funcs<&length>>(corps::here()); }
