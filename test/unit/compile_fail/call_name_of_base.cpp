// expect: could not convert|no viable conversion
#include <corps/corps.hpp>

struct Base : corps::Conc {};
struct Derived : Base {};

corps::Name<Derived> narrow(corps::Name<Base> base) { return base; }
