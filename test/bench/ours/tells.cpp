// tell-1-1, tell-8-1, counting, ring
#include <algorithm>
#include <vector>

#include "test/bench/ours/rows.hpp"

class Receiver : public corps::Conc {
 public:
  void take(std::uint64_t number) { sum_ += number; }
  std::uint64_t sum() { return sum_; }

 private:
  std::uint64_t sum_ = 0;
};

class Sender : public corps::Conc {
 public:
  explicit Sender(corps::Name<Receiver> receiver) : receiver_(receiver) {}
  corps::Task<std::uint64_t> run(std::uint64_t tells) {
    std::uint64_t sum = 0;
    while (tells > 0) {
      auto const now = std::min(tells, bench::burst);
      for (std::uint64_t i = 0; i < now; ++i) {
        auto told = receiver_.tell<&Receiver::take>(std::uint64_t{1});
        co_await told;  // waits if the mailbox is full
      }
      sum = co_await receiver_.call<&Receiver::sum>();
      tells -= now;
    }
    co_return sum;
  }

 private:
  corps::Name<Receiver> receiver_;
};

class Counter : public corps::Conc {
 public:
  void increment() { ++count; }
  std::uint64_t count = 0;
};

class Producer : public corps::Conc {
 public:
  explicit Producer(corps::Name<Counter> counter) : counter_(counter) {}
  corps::Task<std::uint64_t> run(std::uint64_t increments) {
    for (; increments > 0; --increments) {
      auto told = counter_.tell<&Counter::increment>();
      co_await told;
    }
    co_return co_await counter_.get<&Counter::count>();
  }

 private:
  corps::Name<Counter> counter_;
};

class Node : public corps::Conc {
 public:
  void set_next(corps::Name<Node> next) { next_ = next; }
  void pass(std::uint64_t hops) {
    if (hops == 0)
      bench::done.release();
    else
      next_.tell<&Node::pass>(hops - 1);
  }

 private:
  corps::Name<Node> next_;
};

namespace {

void tell(char const* row, std::size_t sender_count) {
  auto const receiver = corps::create<Receiver>(corps::here()).get();
  auto const senders = corps::create<Sender>(corps::per_env(static_cast<std::uint32_t>(sender_count)), receiver).get();
  std::uint64_t expected = 0;
  auto const ns = bench::ns_each(80'000, [&](std::uint64_t n) {
    auto const each = n / sender_count;
    expected += each * sender_count;
    std::vector<corps::Future<std::uint64_t>> runs;
    for (auto const sender : senders) runs.push_back(sender.within(ours::whole_run).call<&Sender::run>(each));
    for (auto& run : runs) run.get();
    bench::expect(receiver.call<&Receiver::sum>().get() == expected, "messages are missing");
  });
  bench::report(row, bench::per_second(ns));
}

}  // namespace

namespace ours {

void tell_1_1() { tell("tell-1-1", 1); }
void tell_8_1() { tell("tell-8-1", 8); }

void counting() {
  auto const counter = corps::create<Counter>(corps::here()).get();
  auto const producer = corps::create<Producer>(corps::here(), counter).get();
  std::uint64_t expected = 0;
  bench::report("counting", bench::ns_each(80'000, [&](std::uint64_t n) {
                  expected += n;
                  bench::expect(producer.within(whole_run).call<&Producer::run>(n).get() == expected, "messages are missing");
                }));
}

void ring() {
  auto const nodes = corps::create<Node>(corps::per_env(bench::ring_nodes)).get();
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].call<&Node::set_next>(nodes[(i + 1) % nodes.size()]).get();
  bench::report("ring", bench::ns_each(20'000, [&](std::uint64_t n) {
                  nodes.front().tell<&Node::pass>(n);
                  bench::done.acquire();
                }));
}

}  // namespace ours
