// Stops at a moment that the test of the gdb script knows: one Conc computes, another waits for it.
#include <corps/corps.hpp>

namespace seen {

class Deep : public corps::Conc {
 public:
  int compute(int number);
};

class Outer : public corps::Conc {
 public:
  corps::Task<int> ask(corps::Name<Deep> deep, int number) {
    auto answer = deep.call<&Deep::compute>(number);
    co_return co_await answer;
  }
};

/// Here the debugger stops.
__attribute__((noinline)) int stop_here(corps::Name<Outer> const& outer, int number) {
  asm volatile("" : : "r"(&outer) : "memory");
  return number;
}

corps::Name<Outer> asked;

int Deep::compute(int number) { return stop_here(asked, number); }

class Seen : public corps::Corps {
 protected:
  corps::Task<> on_main() override {
    auto deep = co_await corps::create<Deep>(corps::here());
    asked = co_await corps::create<Outer>(corps::here().tagged(corps::Tag{"first"}));
    auto answer = asked.call<&Outer::ask>(deep, 7);
    co_await answer;
  }
};

}  // namespace seen

int main(int argc, char** argv) { return corps::run<seen::Seen>(argc, argv); }
