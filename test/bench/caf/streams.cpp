// stream
#include <caf/attach_stream_sink.hpp>
#include <caf/attach_stream_source.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "test/bench/caf/rows.hpp"

namespace {

std::atomic<std::uint64_t> sum_seen{0};

class Source : public caf::event_based_actor {
 public:
  explicit Source(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t last) {
      return caf::attach_stream_source(
          this, [](std::uint64_t& number) { number = 0; },
          [last](std::uint64_t& number, caf::downstream<std::uint64_t>& out, std::size_t count) {
            for (; count > 0 && number < last; --count) out.push(++number);
          },
          [last](std::uint64_t const& number) { return number == last; });
    }};
  }
};

class Sink : public caf::event_based_actor {
 public:
  explicit Sink(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](caf::stream<std::uint64_t> const& numbers) {
      return caf::attach_stream_sink(
          this, numbers, [](std::uint64_t& sum) { sum = 0; }, [](std::uint64_t& sum, std::uint64_t number) { sum += number; },
          [](std::uint64_t& sum, caf::error const&) {
            sum_seen = sum;
            bench::done.release();
          });
    }};
  }
};

}  // namespace

namespace caf_bench {

void stream() {
  auto const source = system().spawn<Source>();
  auto const sink = system().spawn<Sink>();
  auto const ns = bench::ns_each(bench::stream_items, [&](std::uint64_t n) {
    caf::anon_send(sink * source, go_atom::value, n);
    bench::done.acquire();
    bench::expect(sum_seen == n * (n + 1) / 2, "items are missing");
  });
  bench::report("stream", bench::per_second(ns));
}

}  // namespace caf_bench
