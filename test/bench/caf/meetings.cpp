// big, chameneos
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <vector>

#include "test/bench/caf/rows.hpp"

namespace {

using enter_atom = caf::atom_constant<caf::atom("enter")>;
using meet_atom = caf::atom_constant<caf::atom("meet")>;
using change_atom = caf::atom_constant<caf::atom("change")>;
using open_atom = caf::atom_constant<caf::atom("open")>;

std::atomic<std::uint32_t> pingers_running{0};

class Pinger : public caf::event_based_actor {
 public:
  explicit Pinger(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[](std::uint64_t number) { return number; },
            [this](caf_bench::go_atom, std::uint64_t pings, std::uint32_t seed) {
              left_ = pings;
              random_ = bench::Random{seed};
              ping();
            },
            [this](meet_atom, std::vector<caf::actor> const& others) { others_ = others; }};
  }

 private:
  void ping() {
    if (left_ == 0) {
      if (pingers_running.fetch_sub(1) == 1) bench::done.release();
      return;
    }
    --left_;
    auto const& other = others_[random_.below(static_cast<std::uint32_t>(others_.size()))];
    request(other, caf::infinite, std::uint64_t{1}).then([this](std::uint64_t) { ping(); });
  }

  std::vector<caf::actor> others_;
  std::uint64_t left_ = 0;
  bench::Random random_{0};
};

class Chameneo : public caf::event_based_actor {
 public:
  Chameneo(caf::actor_config& config, caf::actor mall) : event_based_actor(config), mall_(std::move(mall)) {}
  caf::behavior make_behavior() override {
    return {[this](meet_atom, caf::actor const& other, std::uint8_t others_colour) {
              colour_ = bench::meet(colour_, others_colour);
              send(other, change_atom::value, colour_);
              enter();
            },
            [this](change_atom, std::uint8_t colour) {
              colour_ = colour;
              enter();
            }};
  }

 private:
  void enter() { send(mall_, enter_atom::value, caf::actor{this}, colour_); }
  caf::actor mall_;
  std::uint8_t colour_ = 0;
};

class Mall : public caf::event_based_actor {
 public:
  explicit Mall(caf::actor_config& config) : event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[this](enter_atom, caf::actor const& who, std::uint8_t colour) {
              if (meetings_left_ == 0) {
                if (++gone_ == bench::chameneos) bench::done.release();
              } else if (waiting_) {
                send(waiting_, meet_atom::value, who, colour);
                waiting_ = nullptr;
                --meetings_left_;
              } else {
                waiting_ = who;
              }
            },
            [this](open_atom, std::uint64_t meetings) {
              meetings_left_ = meetings;
              gone_ = 0;
            }};
  }

 private:
  caf::actor waiting_;
  std::uint64_t meetings_left_ = 0;
  std::uint32_t gone_ = 0;
};

}  // namespace

namespace caf_bench {

void big() {
  std::vector<caf::actor> all;
  for (std::uint32_t i = 0; i < bench::big_concs; ++i) all.push_back(system().spawn<Pinger>());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto others = all;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    caf::anon_send(all[i], meet_atom::value, std::move(others));
  }
  bench::report("big", bench::ns_each(120'000, [&](std::uint64_t n) {
                  pingers_running = bench::big_concs;
                  for (std::uint32_t seed = 1; auto const& pinger : all)
                    caf::anon_send(pinger, go_atom::value, n / bench::big_concs, seed++);
                  bench::done.acquire();
                }));
}

void chameneos() {
  auto const mall = system().spawn<Mall>();
  std::vector<caf::actor> all;
  for (std::uint32_t i = 0; i < bench::chameneos; ++i) all.push_back(system().spawn<Chameneo>(mall));
  bench::report("chameneos", bench::ns_each(20'000, [&](std::uint64_t n) {
                  caf::anon_send(mall, open_atom::value, n);
                  for (std::uint8_t colour = 0; auto const& each : all) {
                    caf::anon_send(each, change_atom::value, colour);
                    colour = static_cast<std::uint8_t>((colour + 1) % 3);
                  }
                  bench::done.acquire();
                }));
}

}  // namespace caf_bench
