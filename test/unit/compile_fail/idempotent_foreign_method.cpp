// expect: corps: corps_idempotent_methods names a method of another class
#include <corps/corps.hpp>

struct Base : corps::Conc {
  int read() { return 1; }
};
struct Derived : Base {
  int size() { return 1; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Derived::size, &Derived::read>;
};

auto call(corps::Name<Derived> name) { return name.call<&Derived::size>(); }
