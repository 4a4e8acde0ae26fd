// fork-join, idle-bytes, idle-create
#include <algorithm>
#include <vector>

#include "test/bench/ours/rows.hpp"

namespace {
constexpr std::uint32_t batch = 1'000;  // created, or called, at once
}

class Child : public corps::Conc {
 public:
  ~Child() override { bench::one_destroyed(); }
  std::uint64_t add(std::uint64_t number) { return sum_ += number; }

 private:
  std::uint64_t sum_ = 0;
};

class Parent : public corps::Conc {
 public:
  corps::Task<std::uint64_t> run() {
    std::vector<corps::Name<Child>> children;
    children.reserve(bench::fork_children);
    while (children.size() < bench::fork_children) {
      auto const more = co_await corps::create<Child>(corps::per_env(batch));
      children.insert(children.end(), more.begin(), more.end());
    }
    std::uint64_t sum = 0;
    std::vector<corps::Future<std::uint64_t>> answers;
    answers.reserve(batch);
    for (std::size_t begin = 0; begin < children.size(); begin += batch) {
      for (std::size_t i = begin; i < begin + batch; ++i) answers.push_back(children[i].call<&Child::add>(std::uint64_t{1}));
      for (auto& answer : answers) sum += co_await answer;
      answers.clear();
    }
    for (auto const child : children) corps::exit(child);
    co_return sum;
  }
};

class Idle : public corps::Conc {
 public:
  void ping() {}
};

class Creator : public corps::Conc {
 public:
  /// Nanoseconds and bytes for each.
  corps::Task<std::vector<double>> run() {
    idle_.resize(bench::idle_count);  // not counted
    auto const bytes = bench::resident_bytes();
    auto const begin_ns = bench::now_ns();
    for (std::size_t made = 0; made < idle_.size(); made += batch) {
      auto const more = co_await corps::create<Idle>(corps::per_env(batch));
      std::copy(more.begin(), more.end(), idle_.begin() + static_cast<std::ptrdiff_t>(made));
    }
    auto const took_ns = static_cast<double>(bench::now_ns() - begin_ns);
    co_return std::vector{took_ns / bench::idle_count, (bench::resident_bytes() - bytes) / bench::idle_count};
  }

 private:
  std::vector<corps::Name<Idle>> idle_;
};

namespace ours {

void fork_join() {
  auto const parents = corps::create<Parent>(corps::per_env(bench::fork_parents)).get();
  constexpr std::uint64_t all = bench::fork_parents * bench::fork_children;
  auto const round = [&] {
    bench::left_alive = all;
    std::vector<corps::Future<std::uint64_t>> runs;
    for (auto const parent : parents) runs.push_back(parent.within(whole_run).call<&Parent::run>());
    for (auto& run : runs) bench::expect(run.get() == bench::fork_children, "answers are missing");
    bench::done.acquire();
  };
  bench::report("fork-join", bench::ns_each_round(round) / all);
}

void idle() {
  auto const creator = corps::create<Creator>(corps::here()).get();
  auto const each = creator.within(whole_run).call<&Creator::run>().get();
  bench::report("idle-create", each[0]);
  bench::report("idle-bytes", each[1]);
}

}  // namespace ours
