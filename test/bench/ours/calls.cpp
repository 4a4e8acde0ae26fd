// request-answer, blocking-call, blocking-call-gaps
#include "test/bench/ours/rows.hpp"

class Adder : public corps::Conc {
 public:
  std::uint64_t add(std::uint64_t number) { return sum_ += number; }

 private:
  std::uint64_t sum_ = 0;
};

class Caller : public corps::Conc {
 public:
  explicit Caller(corps::Name<Adder> adder) : adder_(adder) {}
  corps::Task<std::uint64_t> run(std::uint64_t calls) {
    std::uint64_t sum = 0;
    for (; calls > 0; --calls) sum = co_await adder_.call<&Adder::add>(std::uint64_t{1});
    co_return sum;
  }

 private:
  corps::Name<Adder> adder_;
};

namespace ours {

void request_answer() {
  auto const adder = corps::create<Adder>(corps::here()).get();
  auto const caller = corps::create<Caller>(corps::here(), adder).get();
  std::uint64_t expected = 0;
  bench::report("request-answer", bench::ns_each(10'000, [&](std::uint64_t n) {
                  expected += n;
                  bench::expect(caller.within(whole_run).call<&Caller::run>(n).get() == expected, "calls are missing");
                }));
}

void blocking_call() {
  auto const adder = corps::create<Adder>(corps::here()).get();
  bench::report("blocking-call", bench::ns_each(1'000, [&](std::uint64_t n) {
                  for (; n > 0; --n) adder.call<&Adder::add>(std::uint64_t{1}).get();
                }));
}

void blocking_call_gaps() {
  auto const adder = corps::create<Adder>(corps::here()).get();
  bench::report("blocking-call-gaps", bench::median_ns_with_gaps([&] { adder.call<&Adder::add>(std::uint64_t{1}).get(); }));
}

}  // namespace ours
