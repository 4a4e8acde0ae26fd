// link-*: two actor systems with CAF's network module, which knows TCP only
#include "test/bench/links.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>
#include <optional>

#include "test/bench/caf/rows.hpp"
#include "test/bench/open_loop.hpp"

namespace {

using size_atom = caf::atom_constant<caf::atom("size")>;

class Echo : public caf::event_based_actor {
 public:
  explicit Echo(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[](std::string& text) { return std::move(text); },
            [](size_atom, std::string const& text) { return static_cast<std::uint64_t>(text.size()); }};
  }
};

class LinkCaller : public caf::event_based_actor {
 public:
  LinkCaller(caf::actor_config& config, caf::actor echo) : event_based_actor(config), echo_(std::move(echo)) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom, std::uint64_t calls, std::uint64_t in_flight, std::uint64_t bytes) {
              text_.assign(bytes, 'x');
              to_send_ = to_come_ = calls;
              for (; in_flight > 0 && to_send_ > 0; --in_flight) call();
            },
            [this](caf_bench::get_atom) { after_quiet(0); }};
  }

 private:
  void call() {
    --to_send_;
    if (text_.size() == bench::large_bytes)
      request(echo_, caf::infinite, size_atom::value, text_).then([this](std::uint64_t) { answered(); });
    else
      request(echo_, caf::infinite, text_).then([this](std::string const&) { answered(); });
  }
  void answered() {
    if (to_send_ > 0) call();
    if (--to_come_ == 0) bench::done.release();
  }

  void after_quiet(std::size_t index) {
    if (index == quiet_times.size()) return bench::done.release();
    delayed_send(this, bench::quiet, caf_bench::go_atom::value);
    become([this, index](caf_bench::go_atom) {
      auto const begin_ns = bench::now_ns();
      request(echo_, caf::infinite, text_).then([this, index, begin_ns](std::string const&) {
        quiet_times[index] = bench::now_ns() - begin_ns;
        after_quiet(index + 1);
      });
    });
  }

  caf::actor echo_;
  std::string text_;
  std::uint64_t to_send_ = 0;
  std::uint64_t to_come_ = 0;

 public:
  static inline bench::QuietTimes quiet_times{};
};

/// Calls at times fixed before.
class LoadCaller : public caf::event_based_actor {
 public:
  LoadCaller(caf::actor_config& config, caf::actor echo) : event_based_actor(config), echo_(std::move(echo)) {}
  caf::behavior make_behavior() override {
    return {[this](caf_bench::go_atom) { look(); }};
  }

 private:
  void look() {
    if (over_) return;
    while (loop_.is_due())
      request(echo_, caf::infinite, text_).then([this, due_ns = loop_.make()](std::string const&) {
        if (!over_) loop_.answered(due_ns);
      });
    over_ = loop_.is_over();
    if (!over_) return;
    loop_.report();
    bench::open_loop_is_over = true;
  }
  caf::actor echo_;
  std::string const text_ = std::string(bench::small_bytes, 'x');
  bench::OpenLoop loop_{bench::calls_per_second};
  bool over_ = false;
};

std::optional<bench::OtherProcess> other;

void serve(std::function<void(std::uint16_t)> const& ready) {
  caf::actor_system_config config;
  caf_bench::configure(config);
  caf::actor_system system{config};
  auto const port = system.middleman().publish(system.spawn<Echo>(), 0, "127.0.0.1");
  bench::expect(static_cast<bool>(port), "the actor could not be published");
  ready(*port);
  std::this_thread::sleep_for(std::chrono::hours{1});
}

caf::actor find_echo() {
  auto const echo = caf_bench::system().middleman().remote_actor("127.0.0.1", other->port());
  bench::expect(static_cast<bool>(echo), "the other process was not reached");
  return *echo;
}

caf::actor make_caller() { return caf_bench::system().spawn<LinkCaller>(find_echo()); }

/// Nanoseconds for each call.
double measure(std::uint64_t in_flight, std::uint64_t bytes) {
  auto const caller = make_caller();
  return bench::ns_each(in_flight < 100 ? 100 : in_flight, [&](std::uint64_t n) {
    caf::anon_send(caller, caf_bench::go_atom::value, n, in_flight, bytes);
    bench::done.acquire();
  });
}

}  // namespace

namespace caf_bench {

void start_other_process() {
  other.emplace([](auto const& ready) { serve(ready); });
}
void end_other_process() { other.reset(); }

void link_round_trip() { bench::report(bench::running, measure(1, bench::small_bytes)); }

void link_round_trip_quiet() {
  auto const caller = make_caller();
  caf::anon_send(caller, go_atom::value, std::uint64_t{1}, std::uint64_t{1}, std::uint64_t{bench::small_bytes});
  bench::done.acquire();
  caf::anon_send(caller, get_atom::value);
  bench::done.acquire();
  bench::report(bench::running, bench::median(LinkCaller::quiet_times));
}

void link_pipelined_64() {
  bench::report(bench::running, bench::per_second(measure(bench::calls_in_flight, bench::small_bytes)));
}
void link_pipelined_1k() {
  bench::report(bench::running, bench::per_second(measure(bench::calls_in_flight, bench::medium_bytes)));
}
void link_large() {
  bench::report(bench::running, bench::megabytes_per_second(measure(bench::large_in_flight, bench::large_bytes)));
}

void link_load() {
  auto const echo = find_echo();
  auto const warm = system().spawn<LinkCaller>(echo);
  caf::anon_send(warm, go_atom::value, std::uint64_t{10'000}, bench::calls_in_flight, std::uint64_t{bench::small_bytes});
  bench::done.acquire();
  auto const caller = system().spawn<LoadCaller>(echo);
  bench::tick_until_over([&] { caf::anon_send(caller, go_atom::value); });
}

}  // namespace caf_bench
