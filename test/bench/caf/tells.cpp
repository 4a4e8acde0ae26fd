// tell-1-1, tell-8-1, counting, ring
#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <vector>

#include "test/bench/caf/rows.hpp"

namespace {

using increment_atom = caf::atom_constant<caf::atom("increment")>;

class Receiver : public caf::event_based_actor {
 public:
  explicit Receiver(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) { sum_ += number; }, [this](caf_bench::get_atom) { return sum_; }};
  }

 private:
  std::uint64_t sum_ = 0;
};

std::atomic<std::size_t> senders_running{0};
std::atomic<std::uint64_t> sum_seen{0};

class Sender : public caf::event_based_actor {
 public:
  Sender(caf::actor_config& config, caf::actor receiver) : event_based_actor(config), receiver_(std::move(receiver)) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t tells) {
      left_ = tells;
      tell();
    }};
  }

 private:
  void tell() {
    auto const now = std::min(left_, bench::burst);
    for (std::uint64_t i = 0; i < now; ++i) send(receiver_, std::uint64_t{1});
    left_ -= now;
    request(receiver_, caf::infinite, caf_bench::get_atom::value).then([this](std::uint64_t sum) {
      if (left_ > 0) return tell();
      auto seen = sum_seen.load();
      while (seen < sum && !sum_seen.compare_exchange_weak(seen, sum)) {
      }
      if (senders_running.fetch_sub(1) == 1) bench::done.release();
    });
  }

  caf::actor receiver_;
  std::uint64_t left_ = 0;
};

class Counter : public caf::event_based_actor {
 public:
  explicit Counter(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](increment_atom) { ++count_; }, [this](caf_bench::get_atom) { return count_; }};
  }

 private:
  std::uint64_t count_ = 0;
};

class Producer : public caf::event_based_actor {
 public:
  Producer(caf::actor_config& config, caf::actor counter) : event_based_actor(config), counter_(std::move(counter)) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t increments) {
      for (; increments > 0; --increments) send(counter_, increment_atom::value);
      request(counter_, caf::infinite, caf_bench::get_atom::value).then([](std::uint64_t count) {
        sum_seen = count;
        bench::done.release();
      });
    }};
  }

 private:
  caf::actor counter_;
};

class Node : public caf::event_based_actor {
 public:
  explicit Node(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](caf::actor const& next) { next_ = next; },
            [this](std::uint64_t hops) {
              if (hops == 0)
                bench::done.release();
              else
                send(next_, hops - 1);
            }};
  }

 private:
  caf::actor next_;
};

void tell(char const* row, std::size_t sender_count) {
  auto const receiver = caf_bench::system().spawn<Receiver>();
  std::vector<caf::actor> senders;
  for (std::size_t i = 0; i < sender_count; ++i) senders.push_back(caf_bench::system().spawn<Sender>(receiver));
  std::uint64_t expected = 0;
  auto const ns = bench::ns_each(80'000, [&](std::uint64_t n) {
    auto const each = n / sender_count;
    expected += each * sender_count;
    senders_running = sender_count;
    for (auto const& sender : senders) caf::anon_send(sender, caf_bench::go_atom::value, each);
    bench::done.acquire();
    bench::expect(sum_seen == expected, "messages are missing");
  });
  bench::report(row, bench::per_second(ns));
}

}  // namespace

namespace caf_bench {

void tell_1_1() { tell("tell-1-1", 1); }
void tell_8_1() { tell("tell-8-1", 8); }

void counting() {
  auto const counter = system().spawn<Counter>();
  auto const producer = system().spawn<Producer>(counter);
  std::uint64_t expected = 0;
  bench::report("counting", bench::ns_each(80'000, [&](std::uint64_t n) {
                  expected += n;
                  caf::anon_send(producer, go_atom::value, n);
                  bench::done.acquire();
                  bench::expect(sum_seen == expected, "messages are missing");
                }));
}

void ring() {
  std::vector<caf::actor> nodes;
  for (std::uint32_t i = 0; i < bench::ring_nodes; ++i) nodes.push_back(system().spawn<Node>());
  for (std::size_t i = 0; i < nodes.size(); ++i) caf::anon_send(nodes[i], nodes[(i + 1) % nodes.size()]);
  bench::report("ring", bench::ns_each(20'000, [&](std::uint64_t n) {
                  caf::anon_send(nodes.front(), n);
                  bench::done.acquire();
                }));
}

}  // namespace caf_bench
