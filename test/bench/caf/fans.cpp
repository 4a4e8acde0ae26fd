// await-two, fan-out, fan-out-busy, start-delay
#include <algorithm>
#include <array>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <vector>

#include "test/bench/caf/rows.hpp"

namespace {

using compute_atom = caf::atom_constant<caf::atom("compute")>;

class Leaf : public caf::event_based_actor {
 public:
  explicit Leaf(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) { return sum_ += number; },
            [](compute_atom, std::uint64_t rounds) { return bench::compute(rounds); },
            [](caf_bench::get_atom) { return bench::now_ns(); }};
  }

 private:
  std::uint64_t sum_ = 0;
};

class Middle : public caf::event_based_actor {
 public:
  Middle(caf::actor_config& config, caf::actor left, caf::actor right)
      : event_based_actor(config), left_(std::move(left)), right_(std::move(right)) {}
  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      auto promise = make_response_promise<std::uint64_t>();
      request(left_, caf::infinite, number).then([this, promise, number](std::uint64_t left) {
        request(right_, caf::infinite, number).then([promise, left](std::uint64_t right) mutable {
          promise.deliver(left + right);
        });
      });
      return promise;
    }};
  }

 private:
  caf::actor left_;
  caf::actor right_;
};

class Top : public caf::event_based_actor {
 public:
  Top(caf::actor_config& config, caf::actor middle) : event_based_actor(config), middle_(std::move(middle)) {}
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
    request(middle_, caf::infinite, std::uint64_t{1}).then([this](std::uint64_t) { call(); });
  }
  caf::actor middle_;
  std::uint64_t left_ = 0;
};

std::atomic<std::int64_t> delay_ns{0};

class Fan : public caf::event_based_actor {
 public:
  Fan(caf::actor_config& config, std::uint32_t leaf_count) : event_based_actor(config) {
    for (std::uint32_t i = 0; i < leaf_count; ++i) leaves_.push_back(spawn<Leaf>());
  }
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t calls) {
              left_ = calls;
              add();
            },
            [this](compute_atom, std::uint64_t calls, std::uint64_t rounds) {
              left_ = calls;
              compute(rounds);
            },
            [this](caf_bench::get_atom) {
              auto const begin_ns = bench::now_ns();
              request(leaves_.front(), caf::infinite, caf_bench::get_atom::value).then([begin_ns](std::int64_t started_ns) {
                delay_ns = started_ns - begin_ns;
                bench::done.release();
              });
              bench::compute_for(bench::computes);
            }};
  }

 private:
  void add() {
    open_ = std::min<std::uint64_t>(left_, leaves_.size());
    left_ -= open_;
    for (std::uint64_t i = 0, calls = open_; i < calls; ++i)
      request(leaves_[i], caf::infinite, std::uint64_t{1}).then([this](std::uint64_t) {
        if (--open_ > 0) return;
        if (left_ == 0) return bench::done.release();
        add();
      });
  }
  void compute(std::uint64_t rounds) {
    open_ = std::min<std::uint64_t>(left_, leaves_.size());
    left_ -= open_;
    for (std::uint64_t i = 0, calls = open_; i < calls; ++i)
      request(leaves_[i], caf::infinite, compute_atom::value, rounds).then([this, rounds](std::uint32_t) {
        if (--open_ > 0) return;
        if (left_ == 0) return bench::done.release();
        compute(rounds);
      });
  }

  std::vector<caf::actor> leaves_;
  std::uint64_t left_ = 0;
  std::uint64_t open_ = 0;
};

}  // namespace

namespace caf_bench {

void await_two() {
  auto const left = system().spawn<Leaf>();
  auto const right = system().spawn<Leaf>();
  auto const middle = system().spawn<Middle>(left, right);
  auto const top = system().spawn<Top>(middle);
  bench::report("await-two", bench::ns_each(10'000, [&](std::uint64_t n) {
                  caf::anon_send(top, go_atom::value, n);
                  bench::done.acquire();
                }));
}

void fan_out() {
  auto const fan = system().spawn<Fan>(bench::fan_out);
  bench::report("fan-out", bench::ns_each(20'000, [&](std::uint64_t n) {
                  caf::anon_send(fan, go_atom::value, n);
                  bench::done.acquire();
                }));
}

void fan_out_busy() {
  auto const fan = system().spawn<Fan>(bench::busy_concs);
  auto const rounds = bench::rounds_of(bench::busy_ns);
  bench::report("fan-out-busy", bench::ns_each(bench::busy_concs, [&](std::uint64_t n) {
                  caf::anon_send(fan, compute_atom::value, n, rounds);
                  bench::done.acquire();
                }));
}

void start_delay() {
  auto const fan = system().spawn<Fan>(1U);
  std::array<std::int64_t, 3> delays{};
  for (auto& delay : delays) {
    std::this_thread::sleep_for(bench::computes);
    caf::anon_send(fan, get_atom::value);
    bench::done.acquire();
    delay = delay_ns;
  }
  bench::report("start-delay", bench::median(delays));
}

}  // namespace caf_bench
