// expect: corps: this function has no name that every compiler prints alike
#include <corps/corps.hpp>

namespace {
int square(int n) { return n * n; }
}  // namespace

void call(corps::Name<corps::Funcs<&square>> math) { math.tell<&square>(3); }
