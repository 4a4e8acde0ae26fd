// A program with two methods of one identity: it must not start.
#include "system_probe.hpp"

namespace {

corps::detail::MethodRecord one{{42, "Harbour", "enter", "(u64)"}, nullptr};
corps::detail::MethodRecord other{{42, "Station", "leave", "(string)"}, nullptr};

[[maybe_unused]] bool const registered = [] {
  corps::detail::register_method(one);
  corps::detail::register_method(other);
  return true;
}();

}  // namespace

class Clash : public corps::Corps {
  corps::Task<> on_main() override {
    probe::say("it runs");
    co_return;
  }
};

int main(int argc, char** argv) { return corps::run<Clash>(argc, argv); }
