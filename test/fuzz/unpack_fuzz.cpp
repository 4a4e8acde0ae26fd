// Unpacks anybody's bytes as a rich message. What unpacks packs to as many bytes, in the order that its sets and maps chose, and
// from then on to the same. Addresses mean the same in each Corps that they are packed for.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "corps/address.hpp"
#include "corps/detail/ext_envs.hpp"
#include "corps/error.hpp"
#include "corps/pack.hpp"

namespace {

enum class Color : std::uint8_t { red, green };
struct Empty {};
struct Tree {
  int value = 0;
  std::vector<Tree> kids;
};
struct Own {
  std::uint32_t number = 0;
  std::vector<std::string> texts;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, texts);
  }
};
struct Ordered {
  bool flag = false;
  Color color = Color::red;
  double real = 0;
  std::string text;
  std::vector<std::uint16_t> numbers;
  std::vector<bool> flags;
  std::deque<std::string> texts;
  std::list<Empty> empties;
  std::set<std::string> names;
  std::multimap<int, std::optional<std::string>> table;
  std::array<std::array<char, 3>, 2> square{};
  std::tuple<std::int8_t, Empty, std::pair<int, std::string>> mixed;
  std::variant<std::monostate, int, std::string, std::vector<Tree>> choice;
  std::chrono::nanoseconds span{};
  std::chrono::system_clock::time_point when;
  std::filesystem::path path;
  Tree tree;
  std::vector<Own> own;
};
using Hashed = std::tuple<std::unordered_map<std::string, std::vector<Tree>>, std::unordered_multimap<int, Own>, Ordered>;

template <class T>
bool unpacks(std::span<std::byte const> bytes, T& value) {
  try {
    value = corps::unpack_bytes<T>(bytes);
    return true;
  } catch (corps::DecodeError const&) {
    return false;
  } catch (corps::Overloaded const&) {  // limits.ext_envs
    return false;
  }
}

bool same(std::span<std::byte const> a, std::span<std::byte const> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

void check(bool holds) {
  if (!holds) std::abort();
}

corps::CorpsId corps_of(int number) {
  corps::CorpsId id;
  id.bytes.fill(static_cast<std::byte>(number));
  return id;
}

/// What Names are in messages. This process plays two Corps; the other one is known to it by `other_env`.
void check_addresses(std::span<std::byte const> bytes) {
  static auto const own = corps_of('o');
  static auto const other = corps_of('x');
  corps::detail::set_own_corps(own, {"tls:192.0.2.1:4711"});
  static auto const other_env = corps::conc_addr({other, 0, corps::ConcId{1}, {}}).env;
  std::vector<corps::ConcAddr> addresses;
  if (!unpacks(bytes, addresses)) return;
  std::vector<corps::ConcAddr> again;
  check(unpacks(corps::pack_bytes(addresses), again) && again == addresses);
  corps::detail::ByteBuffer away;
  corps::Packer{away}.for_env(other_env)(addresses);
  std::vector<corps::ExtAddr> meant;
  for (auto const address : addresses) meant.push_back(corps::ext_addr(address));
  corps::detail::set_own_corps(other, {});
  std::vector<corps::ConcAddr> there;
  if (!unpacks(away, there)) return;  // limits.ext_envs
  check(there.size() == meant.size());
  for (std::size_t i = 0; i < there.size(); ++i) {
    auto const ext = corps::ext_addr(there[i]);
    check(ext.conc == meant[i].conc);
    check(ext.conc == corps::ConcId::none || (ext.corps == meant[i].corps && ext.env == meant[i].env));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::span const bytes(reinterpret_cast<std::byte const*>(data), size);
  Ordered ordered;
  if (unpacks(bytes, ordered)) {
    auto const packed = corps::pack_bytes(ordered);
    check(packed.size() == size);
    Ordered again;
    check(unpacks(packed, again));
    check(same(corps::pack_bytes(again), packed));
  }
  Hashed hashed;
  if (unpacks(bytes, hashed)) {
    auto const packed = corps::pack_bytes(hashed);
    check(packed.size() == size);
    Hashed again;
    check(unpacks(packed, again));
  }
  Tree tree;
  if (unpacks(bytes, tree)) check(same(corps::pack_bytes(tree), bytes));
  check_addresses(bytes);
  return 0;
}
