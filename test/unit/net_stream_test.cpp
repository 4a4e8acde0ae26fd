// Streams of which producer and consumer are in two Envs: both ends, in one Env.

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "corps/pack.hpp"
#include "env/mail/internal/far_stream.hpp"
#include "test/unit/runtime_kit.hpp"

namespace net_stream_test {

using namespace runtime_kit;
using corps::EnvId;
using corps::Stream;
using corps::detail::ByteBuffer;
using corps::mail::StreamsSent;

constexpr EnvId here = 0;
constexpr EnvId elsewhere = 7;

/// As a call to another Env takes it, and its arguments are unpacked there.
template <class T>
Stream<T> sent(Stream<T> stream, EnvId to = here) {
  ByteBuffer bytes;
  StreamsSent packing{to};
  corps::Packer out{bytes};
  out(stream);
  packing.keep();
  return corps::unpack_bytes<Stream<T>>(bytes.view());
}

class Source : public corps::Conc {
 public:
  Stream<int> count(int to) {
    for (int i = 0; i < to; ++i) {
      produced = i + 1;
      co_yield i;
    }
  }
  Stream<int> fails_after(int items) {
    for (int i = 0; i < items; ++i) co_yield i;
    throw std::out_of_range{"no more"};
  }
  int produced = 0;
};

/// Cannot be unpacked, if it is odd.
struct Odd {
  template <class Archive>
  void save(Archive& out) const {
    out(number);
  }
  template <class Archive>
  void load(Archive& in) {
    in(number);
    if (number % 2 != 0) in.fail("an odd number");
  }
  int number = 0;
};
/// Cannot be packed.
struct Unsent {
  template <class Archive>
  void save(Archive&) const {
    throw std::logic_error{"not this one"};
  }
  template <class Archive>
  void load(Archive&) {}
};

TEST_CASE("items come in order, with their end, and leave nothing behind") {
  Running corps;
  auto const source = corps::create<Source>(corps::here()).get();
  for (int const items : {0, 1, 100'000}) {
    auto numbers = sent(source.call<&Source::count>(items).get());
    int expected = 0;
    while (auto number = numbers.next().get()) REQUIRE(*number == expected++);
    CHECK(expected == items);
    CHECK_FALSE(numbers.next().get().has_value());
    CHECK(corps::mail::streams_sent() == 0);
  }
}

TEST_CASE("the producer is a window ahead of a consumer in another Env, and no more") {
  Running corps;
  auto const source = corps::create<Source>(corps::here()).get();
  auto numbers = sent(source.call<&Source::count>(1'000).get());
  numbers.set_window(8);
  CHECK(source.get<&Source::produced>().get() == 0);
  for (int i = 0; i < 100; ++i) {
    CHECK(numbers.next().get() == i);
    CHECK(source.get<&Source::produced>().get() <= i + 1 + 8 + 1);
  }
}

TEST_CASE("what a producer throws comes after its items, from another Env too") {
  Running corps;
  auto const source = corps::create<Source>(corps::here()).get();
  auto numbers = sent(source.call<&Source::fails_after>(5).get());
  for (int i = 0; i < 5; ++i) CHECK(numbers.next().get() == i);
  CHECK_THROWS_AS((void)numbers.next().get(), corps::RemoteError);
  CHECK(corps::mail::streams_sent() == 0);
}

TEST_CASE("a stream that is dropped in another Env, or does not get there, ends at its producer") {
  Running corps;
  SUBCASE("it is dropped there") {
    auto [writer, numbers] = corps::stream<int>();
    { auto const dropped = sent(std::move(numbers)); }
    CHECK_THROWS_AS(writer.write(1).get(), corps::Cancelled);
  }
  SUBCASE("after some items") {
    auto const source = corps::create<Source>(corps::here()).get();
    auto numbers = sent(source.call<&Source::count>(1'000'000'000).get());
    CHECK(numbers.next().get() == 0);
    numbers = {};
  }
  SUBCASE("what it was packed into was not sent") {
    auto [writer, numbers] = corps::stream<int>();
    ByteBuffer bytes;
    {
      StreamsSent const packing{elsewhere};
      corps::Packer out{bytes};
      out(numbers);
      CHECK(corps::mail::streams_sent() == 1);
    }
    CHECK_THROWS_AS(writer.write(1).get(), corps::Cancelled);
  }
  SUBCASE("the session has ended") {
    auto [writer, numbers] = corps::stream<int>();
    auto there = sent(std::move(numbers), elsewhere);
    corps::mail::drop_streams(corps::mail::take_streams_of(elsewhere));
    CHECK_THROWS_AS(writer.write(1).get(), corps::Cancelled);
    CHECK_THROWS_AS((void)there.next().get(), corps::WorkerLost);
  }
  CHECK(corps::mail::streams_sent() == 0);
}

TEST_CASE("only the Env that reads a stream, or has handed it on, can end it") {
  Running corps;
  auto [writer, numbers] = corps::stream<int>();
  { auto const stranger = sent(std::move(numbers), elsewhere); }  // this Env says that nobody reads
  CHECK(corps::mail::streams_sent() == 1);
  corps::mail::drop_streams(corps::mail::take_streams_of(elsewhere));
}

TEST_CASE("a stream that goes through several Envs is read by the last") {
  Running corps;
  auto const source = corps::create<Source>(corps::here()).get();
  auto numbers = sent(sent(source.call<&Source::count>(5'000).get(), elsewhere));
  int items = 0;
  while (numbers.next().get()) ++items;
  CHECK(items == 5'000);
  CHECK(corps::mail::streams_sent() == 0);
}

class Bad : public corps::Conc {
 public:
  Stream<Odd> odd() {
    for (int i = 0;; ++i) co_yield Odd{i};
  }
  Stream<Unsent> unsent() {
    for (;;) co_yield Unsent{};
  }
};

TEST_CASE("an item that cannot be unpacked, or packed, ends the stream for both") {
  Running corps;
  auto const bad = corps::create<Bad>(corps::here()).get();
  auto odd = sent(bad.call<&Bad::odd>().get());
  CHECK(odd.next().get()->number == 0);
  CHECK_THROWS_AS((void)odd.next().get(), corps::DecodeError);
  auto unsent = sent(bad.call<&Bad::unsent>().get());
  CHECK_THROWS_AS((void)unsent.next().get(), corps::RemoteError);
  CHECK(corps::mail::streams_sent() == 0);
}

TEST_CASE("what is no stream to be sent") {
  Running corps;
  auto [writer, numbers] = corps::stream<int>();
  ByteBuffer bytes;
  corps::Packer out{bytes};
  CHECK_THROWS_AS(out(numbers), corps::Refused);
  CHECK_THROWS_AS(writer.write(1).get(), corps::Cancelled);
  auto const source = corps::create<Source>(corps::here()).get();
  auto begun = source.call<&Source::count>(10).get();
  CHECK(begun.next().get() == 0);
  CHECK_THROWS_AS((void)sent(std::move(begun)), corps::Refused);
  CHECK_FALSE(sent(Stream<int>{}).next().get().has_value());
  auto foreign = [] {
    ByteBuffer packed;
    corps::Packer{packed}(elsewhere, std::uint64_t{5});
    return corps::unpack_bytes<Stream<int>>(packed.view());
  }();
  CHECK_THROWS_AS((void)foreign.next().get(), corps::WorkerLost);  // there is no such Env
}

}  // namespace net_stream_test
