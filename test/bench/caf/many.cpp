// fork-join, idle-bytes, idle-create
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <vector>

#include "test/bench/caf/rows.hpp"

namespace {

// A thread that is out of work steals from the far end of another's list, which CAF walks each time: it is kept short.
constexpr std::uint32_t batch = 1'000;

class Child : public caf::event_based_actor {
 public:
  explicit Child(caf::actor_config& config) : event_based_actor(config) {}
  ~Child() override { bench::one_destroyed(); }
  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) { return sum_ += number; }};
  }

 private:
  std::uint64_t sum_ = 0;
};

class Parent : public caf::event_based_actor {
 public:
  explicit Parent(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom) {
      children_.reserve(bench::fork_children);
      create_batch();
    }};
  }

 private:
  void create_batch() {
    left_ = batch;
    for (std::uint32_t i = 0; i < batch; ++i) {
      children_.push_back(spawn<Child>());
      request(children_.back(), caf::infinite, std::uint64_t{1}).then([this](std::uint64_t) { one_answered(); });
    }
  }
  void one_answered() {
    if (--left_ > 0) return;
    if (children_.size() < bench::fork_children) return create_batch();
    for (auto const& child : children_) send_exit(child, caf::exit_reason::user_shutdown);
    children_.clear();
  }

  std::vector<caf::actor> children_;
  std::uint32_t left_ = 0;
};

std::atomic<std::uint32_t> idle_started{0};

class Idle : public caf::event_based_actor {
 public:
  explicit Idle(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    auto const started = idle_started.fetch_add(1) + 1;
    if (started == bench::idle_count)
      bench::done.release();
    else if (started % batch == 0)
      send(creator, caf_bench::go_atom::value);
    return {[](caf_bench::get_atom) {}};
  }
  static inline caf::actor creator;
};

class Creator : public caf::event_based_actor {
 public:
  explicit Creator(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom) {
      for (std::uint32_t i = 0; i < batch; ++i) idle.push_back(spawn<Idle>());
    }};
  }
  static inline std::vector<caf::actor> idle = [] {
    std::vector<caf::actor> names(bench::idle_count);  // its memory is not counted
    names.clear();
    return names;
  }();
};

}  // namespace

namespace caf_bench {

void fork_join() {
  std::vector<caf::actor> parents;
  for (std::uint32_t i = 0; i < bench::fork_parents; ++i) parents.push_back(system().spawn<Parent>());
  constexpr std::uint64_t all = bench::fork_parents * bench::fork_children;
  auto const round = [&] {
    bench::left_alive = all;
    for (auto const& parent : parents) caf::anon_send(parent, go_atom::value);
    bench::done.acquire();
  };
  bench::report("fork-join", bench::ns_each_round(round) / all);
}

void idle() {
  Idle::creator = system().spawn<Creator>();
  auto const bytes = bench::resident_bytes();
  auto const begin_ns = bench::now_ns();
  caf::anon_send(Idle::creator, go_atom::value);
  bench::done.acquire();
  auto const took_ns = static_cast<double>(bench::now_ns() - begin_ns);
  bench::report("idle-create", took_ns / bench::idle_count);
  bench::report("idle-bytes", (bench::resident_bytes() - bytes) / bench::idle_count);
}

}  // namespace caf_bench
