// request-answer, blocking-call, blocking-call-gaps
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "test/bench/caf/rows.hpp"

namespace {

class Adder : public caf::event_based_actor {
 public:
  explicit Adder(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) { return sum_ += number; }};
  }

 private:
  std::uint64_t sum_ = 0;
};

class Caller : public caf::event_based_actor {
 public:
  Caller(caf::actor_config& config, caf::actor adder) : event_based_actor(config), adder_(std::move(adder)) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t calls) {
      left_ = calls;
      call();
    }};
  }

 private:
  void call() {
    if (left_ == 0) return bench::done.release();
    --left_;
    request(adder_, caf::infinite, std::uint64_t{1}).then([this](std::uint64_t) { call(); });
  }
  caf::actor adder_;
  std::uint64_t left_ = 0;
};

}  // namespace

namespace caf_bench {

void request_answer() {
  auto const adder = system().spawn<Adder>();
  auto const caller = system().spawn<Caller>(adder);
  bench::report("request-answer", bench::ns_each(10'000, [&](std::uint64_t n) {
                  caf::anon_send(caller, go_atom::value, n);
                  bench::done.acquire();
                }));
}

namespace {
void call(caf::scoped_actor& self, caf::actor const& adder) {
  self->request(adder, caf::infinite, std::uint64_t{1})
      .receive([](std::uint64_t) {}, [](caf::error const&) { bench::expect(false, "a call failed"); });
}
}  // namespace

void blocking_call() {
  auto const adder = system().spawn<Adder>();
  caf::scoped_actor self{system()};
  bench::report("blocking-call", bench::ns_each(1'000, [&](std::uint64_t n) {
                  for (; n > 0; --n) call(self, adder);
                }));
}

void blocking_call_gaps() {
  auto const adder = system().spawn<Adder>();
  caf::scoped_actor self{system()};
  bench::report("blocking-call-gaps", bench::median_ns_with_gaps([&] { call(self, adder); }));
}

}  // namespace caf_bench
