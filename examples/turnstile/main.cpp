// A state machine: a turnstile is locked until it gets a coin, and open for one person then. Its main loop is the machine; each
// receive is a state. Requests that the state does not allow wait until it does.
#include <corps/corps.hpp>
#include <cstdio>

// [turnstile]
class Turnstile : public corps::Conc {
 public:
  static constexpr bool corps_receives = true;

  std::string coin() { return "the turnstile takes the coin"; }
  std::string push() { return "one person goes through"; }
  int passed() { return passed_; }
  static constexpr auto corps_interleaved_methods = corps::methods<&Turnstile::passed>;  // in every state

 private:
  corps::Task<> on_main() override {
    for (;;) {
      co_await corps::receive(*this).only<&Turnstile::coin>();  // locked
      co_await corps::receive(*this).only<&Turnstile::push>();  // open
      ++passed_;
    }
  }
  int passed_ = 0;
};
// [/turnstile]

class Station : public corps::Corps {
  corps::Task<> on_main() override {
    auto turnstile = co_await corps::create<Turnstile>(corps::here());
    auto first = turnstile.call<&Turnstile::push>();  // locked: it waits
    auto second = turnstile.call<&Turnstile::push>();
    auto passed = co_await turnstile.call<&Turnstile::passed>();
    std::printf("%d have passed, %s\n", passed, first.ready() ? "the first already" : "the first waits");
    for (auto* person : {&first, &second}) {
      auto coin = co_await turnstile.call<&Turnstile::coin>();
      std::puts(coin.c_str());
      auto through = co_await *person;
      std::puts(through.c_str());
    }
    passed = co_await turnstile.call<&Turnstile::passed>();
    std::printf("%d have passed\n", passed);
  }
};

int main(int argc, char** argv) { return corps::run<Station>(argc, argv); }
