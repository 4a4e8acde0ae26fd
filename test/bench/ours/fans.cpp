// await-two, fan-out, fan-out-busy, start-delay
#include <algorithm>
#include <array>
#include <vector>

#include "test/bench/ours/rows.hpp"

class Leaf : public corps::Conc {
 public:
  std::uint64_t add(std::uint64_t number) { return sum_ += number; }
  std::uint32_t compute(std::uint64_t rounds) { return bench::compute(rounds); }
  std::int64_t starts_ns() { return bench::now_ns(); }

 private:
  std::uint64_t sum_ = 0;
};

class Middle : public corps::Conc {
 public:
  Middle(corps::Name<Leaf> left, corps::Name<Leaf> right) : left_(left), right_(right) {}
  corps::Task<std::uint64_t> add_both(std::uint64_t number) {
    auto const left = co_await left_.call<&Leaf::add>(number);
    auto const right = co_await right_.call<&Leaf::add>(number);
    co_return left + right;
  }

 private:
  corps::Name<Leaf> left_;
  corps::Name<Leaf> right_;
};

class Top : public corps::Conc {
 public:
  explicit Top(corps::Name<Middle> middle) : middle_(middle) {}
  corps::Task<std::uint64_t> run(std::uint64_t calls) {
    std::uint64_t sum = 0;
    for (; calls > 0; --calls) sum = co_await middle_.call<&Middle::add_both>(std::uint64_t{1});
    co_return sum;
  }

 private:
  corps::Name<Middle> middle_;
};

class Fan : public corps::Conc {
 public:
  explicit Fan(std::vector<corps::Name<Leaf>> leaves) : leaves_(std::move(leaves)) {}

  corps::Task<> add(std::uint64_t calls) {
    while (calls > 0) {
      auto const now = std::min<std::uint64_t>(calls, leaves_.size());
      std::vector<corps::Future<std::uint64_t>> answers;
      answers.reserve(now);
      for (std::size_t i = 0; i < now; ++i) answers.push_back(leaves_[i].call<&Leaf::add>(std::uint64_t{1}));
      auto all = corps::when_all(std::move(answers));
      auto const sums = co_await all;
      calls -= sums.size();
    }
  }

  corps::Task<> compute(std::uint64_t calls, std::uint64_t rounds) {
    while (calls > 0) {
      auto const now = std::min<std::uint64_t>(calls, leaves_.size());
      std::vector<corps::Future<std::uint32_t>> answers;
      answers.reserve(now);
      for (std::size_t i = 0; i < now; ++i) answers.push_back(leaves_[i].call<&Leaf::compute>(rounds));
      auto all = corps::when_all(std::move(answers));
      auto const ended = co_await all;
      calls -= ended.size();
    }
  }

  corps::Task<std::int64_t> start_delay() {
    auto const begin_ns = bench::now_ns();
    auto call = leaves_.front().call<&Leaf::starts_ns>();
    bench::compute_for(bench::computes);
    auto const started_ns = co_await call;
    co_return started_ns - begin_ns;
  }

 private:
  std::vector<corps::Name<Leaf>> leaves_;
};

namespace {

corps::Name<Fan> make_fan(std::uint32_t leaf_count) {
  auto const leaves = corps::create<Leaf>(corps::per_env(leaf_count)).get();
  return corps::create<Fan>(corps::here(), leaves).get();
}

}  // namespace

namespace ours {

void await_two() {
  auto const leaves = corps::create<Leaf>(corps::per_env(2)).get();
  auto const middle = corps::create<Middle>(corps::here(), leaves[0], leaves[1]).get();
  auto const top = corps::create<Top>(corps::here(), middle).get();
  std::uint64_t expected = 0;
  bench::report("await-two", bench::ns_each(10'000, [&](std::uint64_t n) {
                  expected += 2 * n;
                  bench::expect(top.within(whole_run).call<&Top::run>(n).get() == expected, "calls are missing");
                }));
}

void fan_out() {
  auto const fan = make_fan(bench::fan_out);
  bench::report("fan-out", bench::ns_each(20'000, [&](std::uint64_t n) { fan.within(whole_run).call<&Fan::add>(n).get(); }));
}

void fan_out_busy() {
  auto const fan = make_fan(bench::busy_concs);
  auto const rounds = bench::rounds_of(bench::busy_ns);
  bench::report("fan-out-busy", bench::ns_each(bench::busy_concs, [&](std::uint64_t n) {
                  fan.within(whole_run).call<&Fan::compute>(n, rounds).get();
                }));
}

void start_delay() {
  auto const fan = make_fan(1);
  std::array<std::int64_t, 3> delays{};
  for (auto& delay : delays) {
    std::this_thread::sleep_for(bench::computes);
    delay = fan.call<&Fan::start_delay>().get();
  }
  bench::report("start-delay", bench::median(delays));
}

}  // namespace ours
