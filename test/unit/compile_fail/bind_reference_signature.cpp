// expect: corps: a Callable has parameters and a result by value
#include <corps/corps.hpp>

corps::Callable<int(std::string const&)> nothing;
