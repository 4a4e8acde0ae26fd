// big, chameneos
#include <optional>
#include <vector>

#include "test/bench/ours/rows.hpp"

class Pinger : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;  // it answers others while it waits for an answer

  void meet(std::vector<corps::Name<Pinger>> others) { others_ = std::move(others); }
  std::uint64_t ping(std::uint64_t number) { return number; }
  corps::Task<std::uint64_t> run(std::uint64_t pings, std::uint32_t seed) {
    bench::Random random{seed};
    std::uint64_t sum = 0;
    for (; pings > 0; --pings) {
      auto const other = others_[random.below(static_cast<std::uint32_t>(others_.size()))];
      sum += co_await other.call<&Pinger::ping>(std::uint64_t{1});
    }
    co_return sum;
  }

 private:
  std::vector<corps::Name<Pinger>> others_;
};

class Mall;

class Chameneo : public corps::Conc {
 public:
  Chameneo(corps::Name<Mall> mall) : mall_(mall) {}
  void go(std::uint8_t colour);
  /// The mall has found somebody for this one, which was there first.
  void meet(corps::Name<Chameneo> other, std::uint8_t others_colour);
  void change(std::uint8_t colour);

 private:
  corps::Name<Mall> mall_;
  std::uint8_t colour_ = 0;
};

class Mall : public corps::Conc {
 public:
  void open(std::uint64_t meetings) {
    meetings_left_ = meetings;
    gone_ = 0;
  }
  void enter(corps::Name<Chameneo> who, std::uint8_t colour) {
    if (meetings_left_ == 0) {
      if (++gone_ == bench::chameneos) bench::done.release();
    } else if (waiting_) {
      waiting_->tell<&Chameneo::meet>(who, colour);
      waiting_.reset();
      --meetings_left_;
    } else {
      waiting_ = who;
    }
  }

 private:
  std::optional<corps::Name<Chameneo>> waiting_;
  std::uint64_t meetings_left_ = 0;
  std::uint32_t gone_ = 0;
};

void Chameneo::go(std::uint8_t colour) {
  colour_ = colour;
  mall_.tell<&Mall::enter>(corps::name_of(*this), colour_);
}
void Chameneo::meet(corps::Name<Chameneo> other, std::uint8_t others_colour) {
  colour_ = bench::meet(colour_, others_colour);
  other.tell<&Chameneo::change>(colour_);
  mall_.tell<&Mall::enter>(corps::name_of(*this), colour_);
}
void Chameneo::change(std::uint8_t colour) {
  colour_ = colour;
  mall_.tell<&Mall::enter>(corps::name_of(*this), colour_);
}

namespace ours {

void big() {
  auto const all = corps::create<Pinger>(corps::per_env(bench::big_concs)).get();
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto others = all;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    all[i].call<&Pinger::meet>(std::move(others)).get();
  }
  bench::report("big", bench::ns_each(120'000, [&](std::uint64_t n) {
                  auto const each = n / all.size();
                  std::vector<corps::Future<std::uint64_t>> runs;
                  for (std::uint32_t seed = 1; auto const pinger : all)
                    runs.push_back(pinger.within(whole_run).call<&Pinger::run>(each, seed++));
                  for (auto& run : runs) bench::expect(run.get() == each, "answers are missing");
                }));
}

void chameneos() {
  auto const mall = corps::create<Mall>(corps::here()).get();
  auto const all = corps::create<Chameneo>(corps::per_env(bench::chameneos), mall).get();
  bench::report("chameneos", bench::ns_each(20'000, [&](std::uint64_t n) {
                  mall.call<&Mall::open>(n).get();
                  for (std::uint8_t colour = 0; auto const each : all) {
                    each.tell<&Chameneo::go>(colour);
                    colour = static_cast<std::uint8_t>((colour + 1) % 3);
                  }
                  bench::done.acquire();
                }));
}

}  // namespace ours
