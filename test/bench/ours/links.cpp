// link-*: from Env 0, which is this process, to Env 1
#include "test/bench/links.hpp"

#include <optional>
#include <vector>

#include "test/bench/open_loop.hpp"
#include "test/bench/ours/rows.hpp"

class Echo : public corps::Conc {
 public:
  std::string echo(std::string text) { return text; }
  std::uint64_t size(std::string text) { return text.size(); }
};

class LinkCaller : public corps::Conc {
 public:
  explicit LinkCaller(corps::Name<Echo> echo) : echo_(echo) {}

  corps::Task<> one_by_one(std::uint64_t calls) {
    std::string const text(bench::small_bytes, 'x');
    for (; calls > 0; --calls) {
      auto const answer = co_await echo_.call<&Echo::echo>(text);
      bench::expect(answer.size() == text.size(), "an answer is wrong");
    }
  }

  corps::Task<std::int64_t> after_quiet() {
    std::string const text(bench::small_bytes, 'x');
    bench::QuietTimes times{};
    for (auto& time : times) {
      co_await corps::sleep_for(bench::quiet);
      auto const begin_ns = bench::now_ns();
      auto const answer = co_await echo_.call<&Echo::echo>(text);
      time = bench::now_ns() - begin_ns;
      bench::expect(answer.size() == text.size(), "an answer is wrong");
    }
    co_return static_cast<std::int64_t>(bench::median(times));
  }

  corps::Task<> pipelined(std::uint64_t calls, std::uint64_t bytes) {
    std::string const text(bytes, 'x');
    std::vector<corps::Future<std::string>> open(bench::calls_in_flight);
    for (std::uint64_t i = 0; i < calls + open.size(); ++i) {
      auto& call = open[i % open.size()];
      if (i >= open.size()) {
        auto const answer = co_await call;
        bench::expect(answer.size() == bytes, "an answer is wrong");
      }
      if (i < calls) call = echo_.call<&Echo::echo>(text);
    }
  }

  corps::Task<> large(std::uint64_t calls) {
    std::string const text(bench::large_bytes, 'x');
    std::vector<corps::Future<std::uint64_t>> open(bench::large_in_flight);
    for (std::uint64_t i = 0; i < calls + open.size(); ++i) {
      auto& call = open[i % open.size()];
      if (i >= open.size()) {
        auto const size = co_await call;
        bench::expect(size == bench::large_bytes, "an answer is wrong");
      }
      if (i < calls) call = echo_.call<&Echo::size>(text);
    }
  }

 private:
  corps::Name<Echo> echo_;
};

/// Calls at times fixed before.
class LoadCaller : public corps::Conc {
 public:
  explicit LoadCaller(corps::Name<Echo> echo) : echo_(echo) {}
  void begin(double per_second) { loop_.emplace(per_second); }
  void look() {
    if (over_) return;
    while (loop_->is_due()) static_cast<void>(corps::spawn(one()));
    over_ = loop_->is_over();
    if (over_) bench::open_loop_is_over = true;
  }
  void report() { loop_->report(); }

 private:
  corps::Task<> one() {
    auto const due_ns = loop_->make();
    auto const answer = co_await echo_.call<&Echo::echo>(text_);
    bench::expect(answer.size() == text_.size(), "an answer is wrong");
    if (!over_) loop_->answered(due_ns);
  }

  corps::Name<Echo> echo_;
  std::string const text_ = std::string(bench::small_bytes, 'x');
  std::optional<bench::OpenLoop> loop_;
  bool over_ = false;
};

namespace {

auto make_caller() {
  auto const echo = corps::create<Echo>(corps::env(1)).get();
  return corps::create<LinkCaller>(corps::here(), echo).get();
}

void pipelined(std::uint64_t bytes) {
  auto const caller = make_caller();
  auto const ns = bench::ns_each(bench::calls_in_flight, [&](std::uint64_t n) {
    caller.within(ours::whole_run).call<&LinkCaller::pipelined>(n, bytes).get();
  });
  bench::report(bench::running, bench::per_second(ns));
}

}  // namespace

namespace ours {

void link_round_trip() {
  auto const caller = make_caller();
  bench::report(bench::running,
                bench::ns_each(100, [&](std::uint64_t n) { caller.within(whole_run).call<&LinkCaller::one_by_one>(n).get(); }));
}

void link_round_trip_quiet() {
  auto const caller = make_caller();
  caller.call<&LinkCaller::one_by_one>(std::uint64_t{1}).get();
  bench::report(bench::running, static_cast<double>(caller.call<&LinkCaller::after_quiet>().get()));
}

void link_pipelined_64() { pipelined(bench::small_bytes); }
void link_pipelined_1k() { pipelined(bench::medium_bytes); }

void link_large() {
  auto const caller = make_caller();
  auto const ns = bench::ns_each(bench::large_in_flight,
                                 [&](std::uint64_t n) { caller.within(whole_run).call<&LinkCaller::large>(n).get(); });
  bench::report(bench::running, bench::megabytes_per_second(ns));
}

void link_load() {
  auto const echo = corps::create<Echo>(corps::env(1)).get();
  auto const warm = corps::create<LinkCaller>(corps::here(), echo).get();
  warm.call<&LinkCaller::pipelined>(std::uint64_t{10'000}, std::uint64_t{bench::small_bytes}).get();
  auto const caller = corps::create<LoadCaller>(corps::here(), echo).get();
  caller.call<&LoadCaller::begin>(bench::calls_per_second).get();
  bench::tick_until_over([&] { caller.tell<&LoadCaller::look>(); });
  caller.call<&LoadCaller::report>().get();
}

}  // namespace ours
