// expect: corps: the Worker of this Name does not offer this function
#include <corps/corps.hpp>

namespace math {
int square(int n);
int half(int n);
}  // namespace math

void call(corps::Name<corps::Funcs<&math::square>> math) { math.tell<&math::half>(3); }
