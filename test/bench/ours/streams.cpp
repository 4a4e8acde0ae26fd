// stream
#include "test/bench/ours/rows.hpp"

class Source : public corps::Conc {
 public:
  corps::Stream<std::uint64_t> count_to(std::uint64_t last) {
    for (std::uint64_t number = 1; number <= last; ++number) co_yield number;
  }
};

class Sink : public corps::Conc {
 public:
  corps::Task<std::uint64_t> add_all(corps::Name<Source> source, std::uint64_t last) {
    auto call = source.call<&Source::count_to>(last);
    auto numbers = co_await call;
    std::uint64_t sum = 0;
    for (;;) {
      auto const number = co_await numbers.next();
      if (!number) co_return sum;
      sum += *number;
    }
  }
};

namespace ours {

void stream() {
  auto const source = corps::create<Source>(corps::here()).get();
  auto const sink = corps::create<Sink>(corps::here()).get();
  auto const ns = bench::ns_each(bench::stream_items, [&](std::uint64_t n) {
    bench::expect(sink.within(whole_run).call<&Sink::add_all>(source, n).get() == n * (n + 1) / 2, "items are missing");
  });
  bench::report("stream", bench::per_second(ns));
}

}  // namespace ours
