// expect: corps: the function of a timer takes no arguments
// expect: corps: the function of a timer returns nothing, or a corps::Task<>
// expect: corps: the arguments do not fit the parameters of this method
#include "corps/conc.hpp"
#include "corps/time.hpp"

class Meter : public corps::Conc {
 public:
  void add(int number);
};

void wrong(corps::Name<Meter> const& meter) {
  using namespace std::chrono_literals;
  auto takes = corps::after(1s, [](int) {});
  auto returns = corps::every(1s, [] { return 1; });
  auto misfit = corps::after<&Meter::add>(1s, meter, nullptr);
}
