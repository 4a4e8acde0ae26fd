// Cereal's own headers for standard types come first, as in a program that used Cereal before: they must change nothing.
#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include "corps/pack.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "corps/error.hpp"

namespace pack_cereal_test {

using corps::pack_bytes;
using corps::unpack_bytes;

template <class T>
T there_and_back(T const& value) {
  return unpack_bytes<T>(pack_bytes(value));
}

class Member {
 public:
  Member() = default;
  explicit Member(int value) : value_(value) {}
  bool operator==(Member const&) const = default;

 private:
  friend class cereal::access;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value_, name_);
  }
  int value_ = 0;
  std::string name_ = "n";
};

struct Free {
  int value = 0;
  bool operator==(Free const&) const = default;
};
template <class Archive>
void serialize(Archive& archive, Free& free) {
  archive(cereal::make_nvp("value", free.value));
}

struct Split {
  std::vector<int> values;
  template <class Archive>
  void save(Archive& archive) const {
    archive(cereal::make_size_tag(static_cast<cereal::size_type>(values.size())));
    archive(cereal::binary_data(values.data(), values.size() * sizeof(int)));
  }
  template <class Archive>
  void load(Archive& archive) {
    cereal::size_type count = 0;
    archive(cereal::make_size_tag(count));
    values.resize(count);
    archive(cereal::binary_data(values.data(), values.size() * sizeof(int)));
  }
};

struct Minimal {
  std::string text;
  template <class Archive>
  std::string save_minimal(Archive const&) const {
    return text;
  }
  template <class Archive>
  void load_minimal(Archive const&, std::string const& saved) {
    text = saved;
  }
};

struct Versioned {
  int old = 0;
  int added = 0;
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t version) {
    archive(old);
    if (version >= 2) archive& added;
  }
};

struct Base {
  int b = 0;
  virtual ~Base() = default;
  virtual int abstract() const = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(b);
  }
};
struct Derived final : Base {
  int d = 0;
  int abstract() const override { return b + d; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Base>(this), CEREAL_NVP(d));
  }
};
struct VirtualRoot {
  int root = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(root);
  }
};
struct Left : virtual VirtualRoot {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::virtual_base_class<VirtualRoot>(this));
  }
};
struct Right : virtual VirtualRoot {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::virtual_base_class<VirtualRoot>(this));
  }
};
struct Diamond : Left, Right {
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<Left>(this), cereal::base_class<Right>(this));
  }
};

struct WritesNothing {
  template <class Archive>
  void serialize(Archive&) {}
};

/// A tree that links itself by hand: its levels are counted as an aggregate's are.
struct Chain {
  std::unique_ptr<Chain> next;
  template <class Archive>
  void save(Archive& archive) const {
    archive(next != nullptr);
    if (next) archive(*next);
  }
  template <class Archive>
  void load(Archive& archive) {
    bool more = false;
    archive(more);
    if (!more) return;
    next = std::make_unique<Chain>();
    archive(*next);
  }
};

TEST_CASE("cereal: standard types pack our way, whatever of Cereal is included") {
  std::map<std::string, std::vector<std::optional<int>>> const map{{"a", {1, std::nullopt}}};
  CHECK(there_and_back(map) == map);
  CHECK(pack_bytes(std::vector<bool>{true}).size() == 9);
  CHECK(there_and_back(std::variant<int, std::string>("x")) == std::variant<int, std::string>("x"));
  CHECK(there_and_back(std::chrono::seconds(3)) == std::chrono::seconds(3));
  CHECK_FALSE(corps::Packable<std::unique_ptr<int>>);
  CHECK_FALSE(corps::Packable<std::shared_ptr<std::string>>);
}

TEST_CASE("cereal: serialize, save and load, members and free functions") {
  CHECK(there_and_back(Member(3)) == Member(3));
  CHECK(there_and_back(std::vector<Free>{{1}, {2}}) == std::vector<Free>{{1}, {2}});
  CHECK(there_and_back(Split{{1, 2, 3}}).values == std::vector{1, 2, 3});
  CHECK(there_and_back(Minimal{"text"}).text == "text");
}

TEST_CASE("cereal: bases, also virtual ones, which travel once") {
  Derived derived;
  derived.b = 1;
  derived.d = 2;
  CHECK(there_and_back(derived).abstract() == 3);
  Diamond diamond;
  diamond.root = 7;
  auto const bytes = pack_bytes(diamond);
  CHECK(bytes.size() == sizeof(int) + 1);  // Right wrote nothing, which takes a byte
  CHECK(unpack_bytes<Diamond>(bytes).root == 7);
}

TEST_CASE("cereal: a class version is written once a message") {
  auto const bytes = pack_bytes(std::vector<Versioned>{{1, 2}, {3, 4}});
  CHECK(bytes.size() == 8 + 4 + 2 * 8);
  auto const back = unpack_bytes<std::vector<Versioned>>(bytes);
  REQUIRE(back.size() == 2);
  CHECK(back[1].added == 4);
}

TEST_CASE("cereal: a value that writes nothing takes a byte, so that a count of them is worth something") {
  CHECK(pack_bytes(std::vector<WritesNothing>(5)).size() == 8 + 5);
  CHECK(there_and_back(std::vector<WritesNothing>(5)).size() == 5);
  CHECK_THROWS_AS(unpack_bytes<std::vector<WritesNothing>>(pack_bytes(std::uint64_t{1} << 40)), corps::DecodeError);
}

TEST_CASE("cereal: a size tag is checked against the bytes that are there") {
  CHECK_THROWS_AS(unpack_bytes<Split>(pack_bytes(std::uint64_t{1} << 60)), corps::DecodeError);
  CHECK_THROWS_AS(unpack_bytes<Split>(pack_bytes(std::tuple(std::uint64_t{4}, 1))), corps::DecodeError);
}

TEST_CASE("cereal: levels of a hand-made list are counted") {
  auto const levels = [](std::size_t count) {
    std::string text(count - 1, '\1');
    text += '\0';
    corps::detail::ByteBuffer out;
    out.append(text.data(), text.size());
    return out;
  };
  CHECK(unpack_bytes<Chain>(levels(64)).next != nullptr);
  CHECK_THROWS_AS(unpack_bytes<Chain>(levels(65)), corps::DecodeError);
  CHECK_THROWS_AS(unpack_bytes<Chain>(levels(1'000'000)), corps::DecodeError);
}

TEST_CASE("cereal: the same types still work with Cereal's own archives") {
  std::stringstream stream;
  {
    cereal::PortableBinaryOutputArchive out(stream);
    out(Free{5}, std::vector<int>{1, 2});
  }
  cereal::PortableBinaryInputArchive in(stream);
  Free free;
  std::vector<int> values;
  in(free, values);
  CHECK(free.value == 5);
  CHECK(values == std::vector{1, 2});
}

}  // namespace pack_cereal_test

CEREAL_CLASS_VERSION(pack_cereal_test::Versioned, 2)
