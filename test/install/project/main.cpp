#include <corps/corps.hpp>
#include <cstdio>

class Greeter : public corps::Conc {
 public:
  std::string greet(std::string whom) { return "Hello, " + whom + "!"; }
};

class Hello : public corps::Corps {
  corps::Task<> on_main() override {
    auto greeter = co_await corps::create<Greeter>(corps::here());
    auto text = co_await greeter.call<&Greeter::greet>("world");
    std::puts(text.c_str());
  }
};

int main(int argc, char** argv) { return corps::run<Hello>(argc, argv); }
