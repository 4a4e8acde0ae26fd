#include "corps/pack.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <filesystem>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "corps/error.hpp"

namespace pack_test {

using corps::DecodeError;
using corps::Overloaded;
using corps::pack_bytes;
using corps::Packer;
using corps::unpack_bytes;
using corps::Unpacker;
using corps::detail::ByteBuffer;

template <class T>
T there_and_back(T const& value) {
  return unpack_bytes<T>(pack_bytes(value));
}

template <class... Byte>
ByteBuffer bytes_of(Byte... byte) {
  ByteBuffer out;
  (out.append(std::array{static_cast<std::byte>(byte)}.data(), 1), ...);
  return out;
}
ByteBuffer count_of(std::uint64_t count) { return pack_bytes(count); }

std::vector<int> content(ByteBuffer const& buffer) {
  std::vector<int> out;
  for (std::byte const b : buffer.view()) out.push_back(std::to_integer<int>(b));
  return out;
}

struct Hit {
  std::string file;
  std::uint32_t line = 0;
  std::string text;
  bool operator==(Hit const&) const = default;
};
struct Empty {
  bool operator==(Empty const&) const = default;
};
struct Tree {
  int value = 0;
  std::vector<Tree> kids;
  bool operator==(Tree const&) const = default;
};
enum class Color : std::uint8_t { red, green };
enum class Answer : bool { no, yes };

/// Throws when it is copied.
struct Thrower {
  Thrower() = default;
  Thrower(Thrower const&) { throw 1; }
  Thrower& operator=(Thrower const&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(zero);
  }
  int zero = 0;
};

std::size_t bytes_allocated = 0;
/// Counts what containers ask for.
template <class T>
struct Counting {
  using value_type = T;
  Counting() = default;
  template <class U>
  Counting(Counting<U> const&) {}
  T* allocate(std::size_t count) {
    bytes_allocated += count * sizeof(T);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* memory, std::size_t count) { std::allocator<T>().deallocate(memory, count); }
  bool operator==(Counting const&) const = default;
};
struct Wide {
  std::array<std::optional<std::array<std::uint64_t, 64>>, 4> parts;  // 4 bytes packed, over 2000 in memory
};

Tree chain(int levels) {
  Tree tree;
  for (int i = 1; i < levels; ++i) {
    Tree outer;
    outer.kids.push_back(std::move(tree));
    tree = std::move(outer);
  }
  return tree;
}

TEST_CASE("pack: numbers are little-endian of fixed width") {
  CHECK(content(pack_bytes(std::uint32_t{0x01020304})) == std::vector<int>{4, 3, 2, 1});
  CHECK(content(pack_bytes(std::int16_t{-2})) == std::vector<int>{0xfe, 0xff});
  CHECK(content(pack_bytes(true)) == std::vector<int>{1});
  CHECK(content(pack_bytes(Color::green)) == std::vector<int>{1});
  CHECK(content(pack_bytes(std::string("ab"))) == std::vector<int>{2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'});
  CHECK(content(pack_bytes(Empty{})) == std::vector<int>{0});
  CHECK(content(pack_bytes(1.0)) == std::vector<int>{0, 0, 0, 0, 0, 0, 0xf0, 0x3f});
}

TEST_CASE("pack: limits of every integer and special floats come back") {
  auto const both_ends = []<class T>(T) {
    CHECK(there_and_back(std::numeric_limits<T>::min()) == std::numeric_limits<T>::min());
    CHECK(there_and_back(std::numeric_limits<T>::max()) == std::numeric_limits<T>::max());
  };
  both_ends(char{});
  both_ends(std::int8_t{});
  both_ends(std::uint16_t{});
  both_ends(std::int32_t{});
  both_ends(std::uint64_t{});
  both_ends(0LL);
  both_ends(char32_t{});
  CHECK(there_and_back(-0.0f) == 0.0f);
  CHECK(there_and_back(std::numeric_limits<double>::infinity()) == std::numeric_limits<double>::infinity());
  double const nan = there_and_back(std::numeric_limits<double>::quiet_NaN());
  CHECK(nan != nan);
}

TEST_CASE("pack: every standard container comes back") {
  auto const same = [](auto const& value) { CHECK(there_and_back(value) == value); };
  same(std::string("with \0 inside", 13));
  same(std::u16string(u"wide"));
  same(std::vector<int>{1, -2, 3});
  same(std::vector<bool>{true, false, true});
  same(std::vector<std::byte>{std::byte{7}});
  same(std::vector<std::string>{"a", "", "ccc"});
  same(std::deque<double>{0.5, 1.5});
  same(std::deque<bool>{true, false});
  same(std::list<std::string>{"x", "y"});
  same(std::set<int>{3, 1, 2});
  same(std::multiset<int>{1, 1, 2});
  same(std::unordered_set<std::string>{"p", "q"});
  same(std::unordered_multiset<int>{4, 4});
  same(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  same(std::multimap<int, int>{{1, 2}, {1, 3}});
  same(std::unordered_map<int, std::string>{{1, "one"}, {2, "two"}});
  same(std::unordered_multimap<int, int>{{1, 2}, {1, 2}});
  same(std::array<int, 3>{1, 2, 3});
  same(std::array<std::string, 2>{"l", "r"});
  same(std::array<int, 0>{});
  same(std::pair<int, std::string>{1, "x"});
  same(std::tuple<>{});
  same(std::tuple<int, std::string, bool>{1, "x", true});
  same(std::optional<std::string>{});
  same(std::optional<std::string>{"here"});
  same(std::optional<std::optional<int>>{std::optional<int>{}});
  same(std::variant<std::monostate, int, std::string>{});
  same(std::variant<std::monostate, int, std::string>{"third"});
  same(std::variant<int, int>{std::in_place_index<1>, 5});
  same(std::chrono::milliseconds{-5});
  same(std::chrono::duration<double>{2.5});
  same(std::chrono::system_clock::time_point{std::chrono::seconds{1'700'000'000}});
  same(std::filesystem::path("/tmp/a b/ü"));
  same(std::vector<std::map<int, std::optional<std::vector<Hit>>>>{{{1, std::vector<Hit>{{"f", 1, "t"}}}, {2, std::nullopt}}});
}

TEST_CASE("pack: aggregates pack by themselves, also one that holds itself") {
  Hit const hit{"main.cpp", 7, "int main()"};
  CHECK(there_and_back(hit) == hit);
  CHECK(pack_bytes(hit).size() == 8 + 8 + 4 + 8 + 10);
  CHECK(there_and_back(std::vector<Empty>(3)) == std::vector<Empty>(3));
  CHECK(pack_bytes(std::vector<Empty>(3)).size() == 8 + 3);
  Tree const tree{1, {{2, {}}, {3, {{4, {}}}}}};
  CHECK(there_and_back(tree) == tree);
}

TEST_CASE("pack: several values in one call keep their order") {
  ByteBuffer out;
  Packer packer(out);
  packer(1, std::string("two"), 3.0);
  CHECK(packer.bytes_packed() == out.size());
  int one = 0;
  std::string two;
  double three = 0;
  Unpacker unpacker(out);
  unpacker(one, two, three);
  unpacker.finish();
  CHECK(one == 1);
  CHECK(two == "two");
  CHECK(three == 3.0);
}

TEST_CASE("pack: unpacking replaces what a container held") {
  std::map<int, int> map{{9, 9}};
  std::optional<int> value = 5;
  auto const bytes = pack_bytes(std::tuple(std::map<int, int>{{1, 2}}, std::optional<int>{}));
  Unpacker{bytes.view()}(map, value);
  CHECK(map == std::map<int, int>{{1, 2}});
  CHECK(!value);
}

TEST_CASE("pack: a message has a limit, counted from where its packer began") {
  ByteBuffer out;
  out.append("earlier frame", 13);
  {
    Packer packer(out, 12);
    packer(std::uint32_t{1});
    CHECK_THROWS_AS(packer(std::string("0")), Overloaded);
  }
  out.truncate(13);
  CHECK(out.size() == 13);
  Packer fits(out, 12);
  fits(std::string("0123"));
  CHECK(fits.bytes_packed() == 12);
  try {
    fits(true);
    FAIL("no limit");
  } catch (Overloaded const& e) {
    CHECK(e.text().find("limit `message` (12 bytes)") != std::string::npos);
    CHECK(!e.may_have_run());
  }
}

TEST_CASE("pack: a claimed count is checked against the bytes that are there") {
  for (std::uint64_t const count : {std::uint64_t{2}, std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 61,
                                    std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    ByteBuffer in = count_of(count);
    in.append("x", 1);
    CHECK_THROWS_AS(unpack_bytes<std::string>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::vector<std::uint8_t>>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::vector<std::uint64_t>>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::vector<Empty>>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::vector<bool>>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::list<std::string>>(in), DecodeError);
    CHECK_THROWS_AS((unpack_bytes<std::map<int, int>>(in)), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::unordered_set<char>>(in), DecodeError);
    CHECK_THROWS_AS(unpack_bytes<std::filesystem::path>(in), DecodeError);
  }
}

TEST_CASE("pack: memory follows the bytes that came, not what they claim") {
  for (int shift = 32; shift < 64; ++shift) {
    ByteBuffer in = count_of(std::uint64_t{1} << shift);
    in.append("few bytes", 9);
    bytes_allocated = 0;
    CHECK_THROWS_AS((unpack_bytes<std::vector<std::uint64_t, Counting<std::uint64_t>>>(in)), DecodeError);
    CHECK_THROWS_AS((unpack_bytes<std::vector<Hit, Counting<Hit>>>(in)), DecodeError);
    CHECK_THROWS_AS((unpack_bytes<std::deque<bool, Counting<bool>>>(in)), DecodeError);
    CHECK(bytes_allocated < 4096);  // what an empty deque has
  }
  // A count that the bytes could hold, of elements much larger in memory than packed: room is made as they come.
  ByteBuffer in = count_of(100'000);
  std::vector<std::byte> const filler(400'000, std::byte{2});  // not one of them is an element
  in.append(filler.data(), filler.size());
  bytes_allocated = 0;
  CHECK_THROWS_AS((unpack_bytes<std::vector<Wide, Counting<Wide>>>(in)), DecodeError);
  CHECK(bytes_allocated < 16'384);
}

TEST_CASE("pack: every truncation of a message is refused, and so is every byte too many") {
  auto const value = std::tuple(Hit{"f", 1, "t"}, std::optional<int>(3), std::variant<int, std::string>("v"),
                                std::map<int, std::vector<bool>>{{1, {true}}}, Tree{1, {{2, {}}}});
  using Value = std::remove_const_t<decltype(value)>;
  ByteBuffer const all = pack_bytes(value);
  for (std::size_t size = 0; size < all.size(); ++size) CHECK_THROWS_AS(unpack_bytes<Value>(all.view().first(size)), DecodeError);
  CHECK(unpack_bytes<Value>(all) == value);
  ByteBuffer longer = pack_bytes(value);
  longer.append("", 1);
  CHECK_THROWS_WITH_AS(unpack_bytes<Value>(longer), doctest::Contains("1 bytes are left over"), DecodeError);
}

TEST_CASE("pack: what no packer writes is refused") {
  CHECK_THROWS_AS(unpack_bytes<bool>(bytes_of(2)), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<Answer>(bytes_of(2)), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<std::vector<bool>>(bytes_of(1, 0, 0, 0, 0, 0, 0, 0, 7)), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<std::optional<int>>(bytes_of(2, 0, 0, 0, 0)), DecodeError);
  CHECK_THROWS_AS((unpack_bytes<std::variant<Empty, bool>>(bytes_of(2, 0))), DecodeError);
  CHECK_THROWS_AS((unpack_bytes<std::variant<Empty, bool>>(bytes_of(255, 0))), DecodeError);
  CHECK_THROWS_WITH_AS(unpack_bytes<std::set<char>>(bytes_of(2, 0, 0, 0, 0, 0, 0, 0, 7, 7)),
                       doctest::Contains("a key comes twice"), DecodeError);
  CHECK_THROWS_AS((unpack_bytes<std::unordered_map<char, bool>>(bytes_of(2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 7, 1))), DecodeError);
  CHECK(unpack_bytes<std::multiset<char>>(bytes_of(2, 0, 0, 0, 0, 0, 0, 0, 7, 7)).size() == 2);
  CHECK(unpack_bytes<Answer>(bytes_of(1)) == Answer::yes);
  CHECK_THROWS_AS(unpack_bytes<Empty>(bytes_of(1)), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<std::tuple<>>(bytes_of(1)), DecodeError);
}

TEST_CASE("pack: values may lie 64 levels deep in one another, and no deeper") {
  CHECK(there_and_back(chain(64)) == chain(64));
  CHECK_THROWS_WITH_AS(pack_bytes(chain(65)), doctest::Contains("limit `nesting` (64 levels)"), Overloaded);

  auto const deep = [](int levels) {
    ByteBuffer bytes;
    for (int i = 0; i < levels; ++i) {
      Packer{bytes}(0, std::uint64_t{i + 1 < levels ? 1u : 0u});
    }
    return bytes;
  };
  CHECK(unpack_bytes<Tree>(deep(64)) == chain(64));
  CHECK_THROWS_WITH_AS(unpack_bytes<Tree>(deep(65)), doctest::Contains("64 levels"), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<Tree>(deep(100'000)), DecodeError);
}

TEST_CASE("pack: what is unpacked may lie in pieces, cut anywhere") {
  using All =
      std::tuple<std::string, std::vector<std::uint32_t>, std::vector<Hit>, std::array<std::uint16_t, 5>, double, std::string>;
  All const value{std::string(50, 'x'), {1, 2, 3, 4, 5, 6, 7}, {{"file", 7, "text"}, {"", 8, "more"}}, {9, 8, 7, 6, 5}, 0.25, ""};
  auto const packed = pack_bytes(value);
  auto const bytes = packed.view();
  for (std::size_t const step : {1U, 3U, 7U, 8U, 50U, 1000U}) {
    CAPTURE(step);
    std::vector<std::span<std::byte const>> pieces{{}};
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      pieces.push_back(bytes.subspan(at, std::min(step, bytes.size() - at)));
      if (at % 2 == 0) pieces.emplace_back();
    }
    Unpacker in{std::span<std::span<std::byte const> const>(pieces)};
    CHECK(in.bytes_left() == bytes.size());
    All got;
    in(got);
    CHECK(got == value);
    CHECK_NOTHROW(in.finish());
    CHECK_THROWS_WITH_AS(in.take(1), doctest::Contains("1 bytes are needed, and 0 are left"), DecodeError);
    auto const where = "at byte " + std::to_string(bytes.size()) + " of " + std::to_string(bytes.size());
    CHECK_THROWS_WITH_AS(in.take(1), doctest::Contains(where.c_str()), DecodeError);
  }
  Unpacker nothing{std::span<std::span<std::byte const> const>{}};
  CHECK(nothing.bytes_left() == 0);
}

TEST_CASE("pack: an error says where") {
  ByteBuffer bytes = pack_bytes(std::uint32_t{1});
  bytes.append("\3", 1);
  Unpacker in(bytes);
  std::uint32_t number = 0;
  bool flag = false;
  try {
    in(number, flag);
    FAIL("no error");
  } catch (DecodeError const& e) {
    CHECK(e.text() ==
          "cannot unpack at byte 5 of 5: a bool is neither 0 nor 1; the message is damaged, or its sender was built from other "
          "types");
  }
}

TEST_CASE("pack: a variant without a value cannot be packed") {
  std::variant<int, Thrower> broken = 1;
  Thrower const thrower;
  CHECK_THROWS_AS((broken.emplace<1>(thrower)), int);
  REQUIRE(broken.valueless_by_exception());
  CHECK_THROWS_AS(pack_bytes(broken), DecodeError);
}

TEST_CASE("pack: each type has a smallest size, at least a byte") {
  using corps::detail::packed_bytes_min;
  CHECK(packed_bytes_min<Empty> == 1);
  CHECK(packed_bytes_min<std::tuple<>> == 1);
  CHECK(packed_bytes_min<std::array<int, 0>> == 1);
  CHECK(packed_bytes_min<std::optional<Hit>> == 1);
  CHECK(packed_bytes_min<Hit> == 8 + 4 + 8);
  CHECK(packed_bytes_min<Tree> == 4 + 8);
  CHECK(packed_bytes_min<std::pair<Hit, Hit>> == 40);
  CHECK(packed_bytes_min<std::array<Hit, 2>> == 40);
  CHECK(packed_bytes_min<std::chrono::seconds> == 8);
}

/// Writes a text that is somebody else's.
struct Borrower {
  template <class Archive>
  void save(Archive& archive) const {
    archive(*text);
  }
  template <class Archive>
  void load(Archive&) {}
  std::string const* text = nullptr;
};
struct Album {
  std::string title;
  std::optional<std::vector<double>> samples;
  std::vector<std::string> texts;
};

/// What a receiver gets.
ByteBuffer joined(ByteBuffer const& packed, corps::detail::AllGiven const& given) {
  ByteBuffer out;
  std::size_t at = 0;
  for (auto const& one : given) {
    out.append(packed.data() + at, one.at - at);
    out.append(one.bytes.data(), one.bytes.size());
    at = one.at;
  }
  out.append(packed.data() + at, packed.size() - at);
  return out;
}

TEST_CASE("pack: of what is given away, large strings and vectors are not copied, and the bytes are the same") {
  std::string const small(100, 's');
  std::string const large(1000, 'l');
  Album album{small, std::vector<double>(200, 1.5), {large, small, large}};
  auto const copied = pack_bytes(album);
  auto const* const samples = album.samples->data();
  auto const* const last = album.texts.back().data();
  ByteBuffer packed;
  corps::detail::AllGiven given;
  Packer packer(packed, 10'000, given, 999);
  packer.give(album);
  REQUIRE(given.size() == 3);
  CHECK(given[0].bytes.data() == reinterpret_cast<std::byte const*>(samples));
  CHECK(given[2].bytes.data() == reinterpret_cast<std::byte const*>(last));
  CHECK(bytes_given(given) == 200 * sizeof(double) + 2000);
  CHECK(packer.bytes_packed() == copied.size());
  CHECK(content(joined(packed, given)) == content(copied));
  CHECK(album.title == small);
}

TEST_CASE("pack: what is not given away, or may be somebody else's, is copied") {
  std::string large(1000, 'l');
  auto const is_copied = [&](auto value, bool gives) {
    auto const plain = pack_bytes(value);
    ByteBuffer packed;
    corps::detail::AllGiven given;
    Packer packer(packed, 10'000, given, 10);
    gives ? packer.give(value) : packer(value);
    return given.empty() && content(packed) == content(plain);
  };
  CHECK(is_copied(large, false));
  CHECK(is_copied(Borrower{&large}, true));
  CHECK(is_copied(std::set<std::string>{large}, true));
  CHECK(is_copied(std::map<std::string, int>{{large, 1}}, true));
  CHECK(is_copied(std::deque<char>(1000, 'd'), true));
  CHECK(!is_copied(std::pair<Borrower, std::string>{{&large}, large}, true));
  CHECK(large == std::string(1000, 'l'));
}

TEST_CASE("pack: what is given away counts for the limit, and is not taken past it") {
  ByteBuffer packed;
  corps::detail::AllGiven given;
  Packer packer(packed, 1500, given, 999);
  std::string first(1000, 'a');
  std::string second(1000, 'b');
  packer.give(first);
  CHECK_THROWS_AS(packer.give(second), Overloaded);
  CHECK(second.size() == 1000);
  CHECK(given.size() == 1);
}

TEST_CASE("bytes: a buffer grows, is moved, is cut") {
  ByteBuffer buffer;
  CHECK(buffer.empty());
  for (int i = 0; i < 1000; ++i) buffer.append("0123456789", 10);
  CHECK(buffer.size() == 10'000);
  CHECK(buffer.view()[9'999] == std::byte{'9'});
  std::byte const* const data = buffer.data();
  ByteBuffer other = std::move(buffer);
  CHECK(other.data() == data);
  CHECK(other.size() == 10'000);
  other.truncate(3);
  CHECK(content(other) == std::vector<int>{'0', '1', '2'});
  buffer = std::move(other);
  CHECK(buffer.size() == 3);
  buffer.clear();
  CHECK(buffer.capacity() >= 10'000);
  buffer.release();
  CHECK(buffer.capacity() == 0);
  buffer.reserve(64);
  CHECK(buffer.capacity() >= 64);
  *buffer.extend(1) = std::byte{5};
  CHECK(content(buffer) == std::vector<int>{5});
}

}  // namespace pack_test
