// Workers over free functions, and functions that travel.

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

#include "test/unit/runtime_kit.hpp"

namespace func_test {

using namespace runtime_kit;
using corps::Errc;
using corps::Ran;

int square(int n) { return n * n; }
double square(double n) { return n * n; }
int sum(std::vector<int> const& numbers) {
  int total = 0;
  for (int const n : numbers) total += n;
  return total;
}
void fail(std::string text) { throw std::invalid_argument(text); }
corps::Task<int> fourth(int n);
struct Unit {
  static std::string name(std::string prefix, int n) { return prefix + std::to_string(n); }
};

using Math =
    corps::Funcs<corps::pick<int(int)>(&square), corps::pick<double(double)>(&square), &sum, &fail, &fourth, &Unit::name>;
using Sums = corps::Funcs<&sum>;

corps::Task<int> fourth(int n) {
  auto math = co_await corps::create<Math>(corps::here());
  int const once = co_await math.call<corps::pick<int(int)>(&square)>(n);
  co_return co_await math.call<corps::pick<int(int)>(&square)>(once);
}

TEST_CASE("a Func runs free functions, and is created as a Conc is") {
  Running corps;
  auto const workers = corps::create<Math>(corps::anywhere(2)).get();
  REQUIRE(workers.size() == 2);
  auto const math = workers[1];
  CHECK(math.call<corps::pick<int(int)>(&square)>(3).get() == 9);
  CHECK(math.call<corps::pick<double(double)>(&square)>(1.5).get() == 2.25);
  CHECK(math.call<&sum>(std::vector{1, 2, 3}).get() == 6);
  CHECK(math.call<&Unit::name>("n", 7).get() == "n7");
  CHECK(math.call<&fourth>(3).get() == 81);
  auto const error = error_of(math.call<&fail>("bad"));
  CHECK(error.code == Errc::remote);
  CHECK(error.type == "std::invalid_argument");
  REQUIRE(error.chain.size() == 1);
  CHECK(error.chain[0].starts_with("func_test::fail at env 0"));
  corps::exit(math);
  CHECK(error_of(math.call<&sum>(std::vector{1})).code == Errc::worker_lost);
}

TEST_CASE("the Name of a Func is also one of fewer functions, and one of other functions is believed only at the target") {
  Running corps;
  auto const math = corps::create<Math>(corps::here()).get();
  corps::Name<Sums> const sums = math;
  CHECK(sums.call<&sum>(std::vector{4, 5}).get() == 9);
  static_assert(!std::is_convertible_v<corps::Name<Sums>, corps::Name<Math>>);
  auto const only_sums = corps::create<Sums>(corps::here()).get();
  auto const error = error_of(disguised<Math>(only_sums).call<&fourth>(2));
  CHECK(error.code == Errc::attribute);
  CHECK(error.ran == Ran::no);
  CHECK(error.text.find("which has no func_test::fourth") != std::string::npos);
  CHECK(error_of(disguised<Math>(corps::create<Holder>(corps::here()).get()).call<&fourth>(2)).code == Errc::attribute);
}

TEST_CASE("a function is known by its qualified name and its structure") {
  constexpr auto id = corps::detail::method_id<&sum>();
  static_assert(id.class_name.empty());
  static_assert(id.method_name == "func_test::sum");
  static_assert(id.signature == "([i32])i32");
  static_assert(corps::detail::method_id<corps::pick<int(int)>(&square)>().hash !=
                corps::detail::method_id<corps::pick<double(double)>(&square)>().hash);
  static_assert(Sums::corps_class == "corps::Funcs(func_test::sum([i32])i32)");
}

double scaled(double factor, double n) { return factor * n; }
std::string joined(std::string const& left, std::string const& middle, std::string right) { return left + middle + right; }
corps::Task<int> fourth_and(int more, int n) {
  int const power = co_await fourth(n);
  co_return power + more;
}

/// Runs what it is sent.
class Runner : public corps::Conc {
 public:
  double apply(corps::Callable<double(double)> f, double n) { return f(n); }
  corps::Task<int> await(corps::Callable<corps::Task<int>(int)> f, int n) {
    auto task = f(n);
    co_return co_await task;
  }
  void keep(corps::Callable<std::string(std::string)> f) { kept = std::move(f); }
  std::string use(std::string text) { return kept(std::move(text)); }
  corps::Callable<double(double)> scale_by(double factor) { return corps::bind<&scaled>(factor); }
  corps::Callable<std::string(std::string)> kept;
};

TEST_CASE("a bound function travels and runs where it arrives") {
  Running corps;
  auto const runner = corps::create<Runner>(corps::here()).get();
  CHECK(runner.call<&Runner::apply>(corps::bind<&scaled>(2.5), 4.0).get() == 10.0);
  CHECK(runner.call<&Runner::apply>(corps::bind<corps::pick<double(double)>(&square)>(), 3.0).get() == 9.0);
  CHECK(runner.call<&Runner::await>(corps::bind<&fourth_and>(5), 2).get() == 21);
  auto const by_three = runner.call<&Runner::scale_by>(3.0).get();
  CHECK(by_three(2.0) == 6.0);
  CHECK(by_three.name() == "func_test::scaled");
  CHECK(error_of(runner.call<&Runner::use>("x")).type == "std::logic_error");
  runner.call<&Runner::keep>(corps::bind<&joined>("a", "b")).get();
  CHECK(runner.call<&Runner::use>("x").get() == "abx");
  CHECK(runner.call<&Runner::use>("y").get() == "aby");
}

TEST_CASE("a bound function is packed as its identity and its arguments") {
  auto const packed = corps::pack_bytes(corps::bind<&joined>("a", std::string(100, 'b')));
  auto const again = corps::unpack_bytes<corps::Callable<std::string(std::string)>>(packed);
  CHECK(again("c") == "a" + std::string(100, 'b') + "c");
  auto const twice = corps::pack_bytes(again);
  CHECK(std::equal(twice.data(), twice.data() + twice.size(), packed.data(), packed.data() + packed.size()));
  auto const nothing = corps::unpack_bytes<corps::Callable<double(double)>>(corps::pack_bytes(corps::Callable<double(double)>{}));
  CHECK_FALSE(nothing);
  CHECK_THROWS_AS(nothing(1), std::logic_error);
  CHECK_THROWS_WITH_AS(corps::unpack_bytes<corps::Callable<int(int)>>(packed),
                       doctest::Contains("func_test::joined bound fn2(str,str,str)str is not what"), corps::AttributeError);

  auto foreign = corps::pack_bytes(again);
  foreign.data()[0] = ~foreign.data()[0];  // of the hash
  CHECK_THROWS_WITH_AS((corps::unpack_bytes<corps::Callable<std::string(std::string)>>(foreign)),
                       doctest::Contains("cannot run func_test::joined"), corps::AttributeError);
  std::array<std::byte, 3> const few{};
  CHECK_THROWS_AS((corps::unpack_bytes<corps::Callable<std::string(std::string)>>(few)), corps::DecodeError);
  CHECK_THROWS_AS((corps::unpack_bytes<corps::Callable<std::string(std::string)>>(
                      std::span<std::byte const>{packed}.first(packed.size() - 1))),
                  corps::DecodeError);
}

TEST_CASE("the structure of a Callable is part of the identity of methods") {
  static_assert(corps::detail::wire_code<corps::Callable<int(std::string)>>() == "fn(str)i32");
  static_assert(corps::detail::wire_code<corps::Callable<corps::Task<>(int)>>() == "task(i32)void");
  static_assert(corps::Packable<std::vector<corps::Callable<void()>>>);
}

}  // namespace func_test
