#include "env/net/internal/open_calls.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "corps/pack.hpp"

namespace corps::net {
namespace net_open_calls_test {

class Nothing final : public detail::Request {
 public:
  Nothing() : Request(nullptr) {}
  void invoke(detail::Cell&) override {}
  void pack_arguments(Packer&) override {}
  void pack_result(Packer&) override {}
  void unpack_result(Unpacker&) override {}
};

OpenCall call_in(std::uint64_t frame) { return {std::make_unique<Nothing>(), frame, 0}; }

TEST_CASE("open calls: a number finds its call until it is taken, and nothing after that") {
  OpenCalls calls;
  CHECK(calls.find(1) == nullptr);
  CHECK(calls.take(1).request == nullptr);
  calls.add(1, call_in(11));
  calls.add(2, call_in(12));
  auto const* const request = calls.find(1);
  CHECK(request != nullptr);
  auto const taken = calls.take(1);
  CHECK(taken.request.get() == request);
  CHECK(taken.frame == 11);
  CHECK(calls.find(1) == nullptr);
  CHECK(calls.take(1).request == nullptr);
  calls.add(17, call_in(27));  // in the place of the first, and in its list
  CHECK(calls.find(1) == nullptr);
  CHECK(calls.find(17) != nullptr);
  CHECK(calls.find(UINT64_MAX) == nullptr);
  CHECK(calls.size() == 2);
}

TEST_CASE("open calls: many, of which some stay while others come and go") {
  OpenCalls calls;
  std::uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    auto const first = last + 1;
    for (int i = 0; i < 5'000; ++i) {
      ++last;
      calls.add(last, call_in(last));
    }
    for (auto number = first; number <= last; ++number)
      if (number % 10 != 0) CHECK(calls.take(number).frame == number);
    CHECK(calls.size() == 500);
    for (auto number = first; number <= last; ++number) CHECK((calls.find(number) != nullptr) == (number % 10 == 0));
    std::vector<std::uint64_t> left;
    calls.take_if([&](std::uint64_t number, OpenCall& call) {
      if (number % 20 != 0) return false;
      CHECK(std::exchange(call, {}).frame == number);
      left.push_back(number);
      return true;
    });
    CHECK(left.size() == 250);
    CHECK(calls.size() == 250);
    calls.take_if([](std::uint64_t, OpenCall& call) { return std::exchange(call, {}).request != nullptr; });
    CHECK(calls.empty());
  }
}

}  // namespace net_open_calls_test
}  // namespace corps::net
