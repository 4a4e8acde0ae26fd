// expect: corps: the function of then\(\) takes the value of the Future
// expect: corps: the function of a fan_out takes a number, and returns the Future of the call
#include <string>

#include "corps/combine.hpp"
#include "corps/fan_out.hpp"

void wrong(corps::Future<int> sum) {
  (void)std::move(sum).then([](std::string const& text) { return text; });
  (void)corps::fan_out(3, {}, [](std::size_t number) { return number; });
}
