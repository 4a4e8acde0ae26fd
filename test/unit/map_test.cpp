// One call for many items, over many Workers.

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>

#include "test/unit/runtime_kit.hpp"

namespace map_test {

using namespace runtime_kit;
using corps::Errc;

int square(int n) { return n * n; }
int scaled(int n, int factor, std::string const& text) { return n * factor + static_cast<int>(text.size()); }
bool is_even(int n) { return n % 2 == 0; }
std::string joined(std::string left, std::string right) { return left + right; }
int no_sevens(int n) {
  if (n % 10 == 7) throw std::domain_error("a seven");
  return n;
}
std::size_t length(std::string text) { return text.size(); }
using Math = corps::Funcs<&square, &scaled, &is_even, &joined, &no_sevens, &length>;

std::vector<int> up_to(int n) {
  std::vector<int> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_CASE("map keeps the order, from a plain thread and from any range") {
  Running corps;
  auto const workers = corps::create<Math>(corps::anywhere(3)).get();
  auto const squares = corps::map<&square>(workers, up_to(1000)).get();
  REQUIRE(squares.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(squares[static_cast<std::size_t>(i)] == i * i);
  CHECK(corps::map<&square>(workers, std::array{1, 2}).get() == std::vector{1, 4});
  CHECK(corps::map<&square>(workers, std::set<int>{3, 2}).get() == std::vector{4, 9});
  CHECK(corps::map<&scaled>(workers, std::vector{1, 2}, 10, "abc").get() == std::vector{13, 23});
  CHECK(corps::map<&is_even>(workers, up_to(3)).get() == std::vector{true, false, true});
  CHECK(corps::map<&length>(workers, std::vector<std::string>{"", "ab"}).get() == std::vector<std::size_t>{0, 2});
  CHECK(corps::map<&square>(workers, std::vector<int>{}).get().empty());
  std::vector<corps::Name<Math>> const nobody;
  CHECK(corps::map<&square>(nobody, std::vector<int>{}).get().empty());
  CHECK(error_of(corps::map<&square>(nobody, up_to(1))).type == "std::invalid_argument");
}

TEST_CASE("the first error stops a map and names its item; or each item has its outcome") {
  Running corps;
  auto const workers = corps::create<Math>(corps::anywhere(2)).get();
  auto const error = error_of(corps::map<&no_sevens>(workers, up_to(100)));
  CHECK(error.code == Errc::remote);
  CHECK(error.type == "std::domain_error");
  CHECK(error.text.starts_with("item "));
  CHECK(error.text.ends_with("7 of 100: a seven"));  // which of them comes first is for the Workers to decide
  auto const outcomes = corps::try_map<&no_sevens>(workers, up_to(30)).get();
  REQUIRE(outcomes.size() == 30);
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(outcomes[i].ok() == (i % 10 != 7));
    if (outcomes[i].ok()) CHECK(outcomes[i].get() == static_cast<int>(i));
  }
  CHECK(outcomes[17].error->text == "a seven");
  CHECK_THROWS_AS((void)outcomes[17].get(), corps::RemoteError);
  corps::exit(workers[0]);
  corps::exit(workers[1]);
  CHECK(error_of(corps::map<&square>(workers, up_to(100))).code == Errc::worker_lost);  // as it is
}

TEST_CASE("filter and reduce") {
  Running corps;
  auto const workers = corps::create<Math>(corps::anywhere(2)).get();
  CHECK(corps::filter<&is_even>(workers, up_to(7)).get() == std::vector{0, 2, 4, 6});
  std::vector<std::string> texts;
  std::string all;
  for (int count = 1; count < 20; ++count) {
    texts.push_back(std::to_string(count) + ' ');
    all += texts.back();
    CHECK(corps::reduce<&joined>(workers, texts).get() == all);  // order kept: the function does not commute
  }
  CHECK(error_of(corps::reduce<&joined>(workers, std::vector<std::string>{})).type == "std::invalid_argument");
}

/// Counts how many of its requests wait at the same time, for all of them.
class Gate : public corps::Conc {
 public:
  static constexpr bool corps_interleaved = true;
  explicit Gate(std::uint64_t state) : state_(object_of<State>(state)) {}
  struct State {
    std::mutex mutex;
    std::vector<int> now;
    std::vector<int> most;
    corps::Name<Holder> friend_of_it;
  };
  corps::Task<int> pass(int which) {
    auto const me = static_cast<std::size_t>(which_);
    enter(me, 1);
    for (int i = 0; i < 3; ++i) co_await state_.friend_of_it.call<&Holder::quick>();
    enter(me, -1);
    co_return which;
  }
  void set(int which) { which_ = which; }

 private:
  void enter(std::size_t me, int change) {
    std::lock_guard const lock{state_.mutex};
    state_.now[me] += change;
    state_.most[me] = std::max(state_.most[me], state_.now[me]);
  }
  State& state_;
  int which_ = 0;
};

/// Maps from inside a Conc.
class Mapper : public corps::Conc {
 public:
  corps::Task<int> total(std::vector<corps::Name<Gate>> gates, int count) {
    auto results = co_await corps::map<&Gate::pass>(corps::over(gates).window(3), up_to(count));
    co_return std::accumulate(results.begin(), results.end(), 0);
  }
};

TEST_CASE("a Worker has at most its window of calls") {
  Running corps;
  Gate::State state;
  state.now.resize(2);
  state.most.resize(2);
  state.friend_of_it = corps::create<Holder>(corps::here()).get();
  auto const gates = corps::create<Gate>(corps::anywhere(2), handle(state)).get();
  gates[0].call<&Gate::set>(0).get();
  gates[1].call<&Gate::set>(1).get();
  auto const mapper = corps::create<Mapper>(corps::here()).get();
  CHECK(mapper.call<&Mapper::total>(gates, 100).get(patience) == 4950);
  CHECK(state.most == std::vector{3, 3});
  auto const one = corps::map<&Gate::pass>(corps::over(gates).window(0).within(patience), up_to(10)).get();
  CHECK(one.size() == 10);
  CHECK(error_of(corps::map<&Gate::pass>(corps::over(gates).within(std::chrono::nanoseconds{0}), up_to(10))).code ==
        Errc::timeout);
}

TEST_CASE("a map stays under the limit of open calls, whatever its window") {
  Running corps({"limits.open_calls_per_worker=10"});
  auto const workers = corps::create<Math>(corps::anywhere(2)).get();
  CHECK(corps::map<&square>(corps::over(workers).window(100), up_to(200)).get().size() == 200);
}

}  // namespace map_test
