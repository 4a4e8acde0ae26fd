// expect: corps: corps_idempotent_methods names a method that takes a Stream
#include <corps/corps.hpp>

struct Adder : corps::Conc {
  int sum(corps::Stream<int>) { return 1; }
  static constexpr auto corps_idempotent_methods = corps::methods<&Adder::sum>;
};

auto call(corps::Name<Adder> name, corps::Stream<int> numbers) { return name.call<&Adder::sum>(std::move(numbers)); }
