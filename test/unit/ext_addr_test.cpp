// Names across Corps: what one is in the messages of another Corps, there and home again; what garbage makes of it; and that a
// Worker of another Corps, to which there is no link, cannot be called. One process plays all the Corps, one after the other.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <corps/corps.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "corps/detail/bytes.hpp"
#include "corps/detail/ext_envs.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/pack.hpp"
#include "test/unit/net_calling_link.hpp"
#include "test/unit/runtime_kit.hpp"

namespace ext_addr_test {

using namespace runtime_kit;
using corps::ConcAddr;
using corps::ConcId;
using corps::CorpsId;
using corps::DecodeError;
using corps::EnvId;
using corps::Errc;
using corps::ext_addr;
using corps::ExtAddr;
using corps::is_external;
using corps::Name;
using corps::Overloaded;
using corps::Packer;
using corps::Ran;
using corps::Refused;
using corps::unpack_bytes;
using corps::detail::ByteBuffer;

class Worker : public corps::Conc {
 public:
  int twice(int value) { return 2 * value; }
  bool meet(Name<Worker> other) { return is_external(other.address()); }
};
using Names = std::vector<Name<Worker>>;

struct Site {
  CorpsId id;
  std::vector<std::string> endpoints;
};
CorpsId corps_of(int number) {
  CorpsId id;
  id.bytes.fill(static_cast<std::byte>(number));
  return id;
}
Site const here{corps_of(0xa1), {"unix:@corps-a1", "tls:192.0.2.1:4711", "tls:[2001:db8::1]:4711"}};
Site const there{corps_of(0xb2), {"tls:192.0.2.2:4711"}};
Site const third{corps_of(0xc3), {}};

/// From now on, and until the end of the test, this process is one of that Corps.
struct Playing {
  explicit Playing(Site const& site) { as(site); }
  ~Playing() { corps::detail::set_own_corps({}, {}); }
  Playing(Playing const&) = delete;
  Playing& operator=(Playing const&) = delete;
  void as(Site const& site) { corps::detail::set_own_corps(site.id, site.endpoints); }
};

constexpr ConcId conc{0x0007'0000'0200'0011};  // epoch 7

/// What stands for an Env of that Corps, which is not the one that is played.
EnvId env_of(Site const& site, EnvId env = 0) { return corps::conc_addr({site.id, env, conc, {}}).env; }

template <class T>
ByteBuffer pack_for(Site const& site, T const& value) {
  ByteBuffer out;
  Packer{out}.for_env(env_of(site))(value);
  return out;
}
template <class T>
ByteBuffer pack_for_own(T const& value) {
  return corps::pack_bytes(value);
}
std::size_t constexpr plain_bytes = sizeof(EnvId) + sizeof(ConcId);

TEST_CASE("a Name packed for its own Corps is its ConcAddr, 12 bytes") {
  Playing const playing{here};
  Name<Worker> const name{ConcAddr{3, conc}};
  auto const bytes = pack_for_own(name);
  CHECK(bytes.size() == plain_bytes);
  CHECK(unpack_bytes<Name<Worker>>(bytes) == name);
  CHECK(!is_external(name.address()));
  CHECK(to_string(name.address()) == "env 3, conc 17.2");
}

TEST_CASE("a Name packed for another Corps is an ExtAddr there, and a ConcAddr when it comes home") {
  Playing playing{here};
  Name<Worker> const name{ConcAddr{3, conc}};
  auto const away = pack_for(there, name);
  CHECK(away.size() > plain_bytes);

  playing.as(there);
  auto const external = unpack_bytes<Name<Worker>>(away);
  CHECK(is_external(external.address()));
  CHECK(ext_addr(external.address()) == ExtAddr{here.id, 3, conc, {"tls:192.0.2.1:4711", "tls:[2001:db8::1]:4711"}});
  CHECK(to_string(external.address()) == "corps a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1, env 3, conc 17.2");
  CHECK(unpack_bytes<Name<Worker>>(away) == external);  // the same Worker is the same Name
  auto const home = pack_for(here, external);
  CHECK(home.size() == plain_bytes);

  playing.as(here);
  CHECK(unpack_bytes<Name<Worker>>(home) == name);
  CHECK(unpack_bytes<Name<Worker>>(away) == name);  // however it comes
}

TEST_CASE("an external Name goes from Env to Env of one Corps, where other numbers stand for the same Env") {
  Playing playing{here};
  auto const away = pack_for(there, Name<Worker>{ConcAddr{3, conc}});
  playing.as(there);
  auto const external = unpack_bytes<Name<Worker>>(away);
  auto const within = pack_for_own(external);
  CHECK(within.size() == away.size());
  CHECK(unpack_bytes<Name<Worker>>(within) == external);
}

TEST_CASE("a third Corps gets a Name with the home Corps kept, and what it is sent there with comes home") {
  Playing playing{here};
  Name<Worker> const name{ConcAddr{3, conc}};
  auto const to_there = pack_for(there, name);
  playing.as(there);
  Name<Worker> const own{ConcAddr{0, conc}};
  auto const to_third = pack_for(third, Names{unpack_bytes<Name<Worker>>(to_there), own});

  playing.as(third);
  auto const names = unpack_bytes<Names>(to_third);
  REQUIRE(names.size() == 2);
  CHECK(ext_addr(names[0].address()).corps == here.id);
  CHECK(ext_addr(names[0].address()).endpoints.size() == 2);
  CHECK(ext_addr(names[1].address()) == ExtAddr{there.id, 0, conc, there.endpoints});
  auto const home = pack_for(here, names[0]);
  auto const both = pack_for(there, names);

  playing.as(here);
  CHECK(unpack_bytes<Name<Worker>>(home) == name);
  playing.as(there);
  auto const returned = unpack_bytes<Names>(both);
  CHECK(ext_addr(returned[0].address()).corps == here.id);
  CHECK(returned[1] == own);
}

TEST_CASE("Envs of one other Corps are different, and nobody is nobody everywhere") {
  Playing playing{here};
  auto const bytes = pack_for(there, Names{Name<Worker>{ConcAddr{1, conc}}, Name<Worker>{ConcAddr{2, conc}}, Name<Worker>{}});
  playing.as(there);
  auto const names = unpack_bytes<Names>(bytes);
  CHECK(names[0] != names[1]);
  CHECK(names[2] == Name<Worker>{});
  CHECK(!names[2]);
}

TEST_CASE("where a Corps was last seen is what was said last") {
  Playing const playing{here};
  auto const address = corps::conc_addr({there.id, 5, conc, {"tls:192.0.2.2:1"}});
  (void)corps::conc_addr({there.id, 5, conc, {"tls:192.0.2.2:2"}});
  (void)corps::conc_addr({there.id, 5, conc, {}});
  CHECK(ext_addr(address).endpoints == std::vector<std::string>{"tls:192.0.2.2:2"});
}

TEST_CASE("Envs of other Corps are limited") {
  Playing const playing{here};
  (void)env_of(there, 6);
  auto const before = std::exchange(corps::detail::env_facts.ext_envs_max, 0);
  CHECK_NOTHROW(env_of(there, 6));
  std::string text;
  try {
    env_of(there, 7);
  } catch (Overloaded const& error) {
    text = error.text();
  }
  CHECK(text.find("limits.ext_envs") != std::string::npos);
  CHECK(text.find(to_string(there.id)) != std::string::npos);
  corps::detail::env_facts.ext_envs_max = before;
}

TEST_CASE("an address from outside that no Corps says is refused") {
  Playing playing{here};
  auto const good = pack_for(there, ConcAddr{3, conc});
  playing.as(there);
  constexpr std::size_t corps_at = 4;
  constexpr std::size_t env_at = corps_at + 16;
  constexpr std::size_t endpoints_at = env_at + 4;
  auto const changed = [&](std::size_t at, std::vector<int> const& values) {
    ByteBuffer bytes;
    bytes.append(good.data(), good.size());
    for (std::size_t i = 0; i < values.size(); ++i) bytes.data()[at + i] = static_cast<std::byte>(values[i]);
    return bytes;
  };
  CHECK_NOTHROW(unpack_bytes<ConcAddr>(changed(0, {})));
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(0, {0})), DecodeError);  // what stands for an Env in another process
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(corps_at, std::vector<int>(16, 0))), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(env_at + 3, {0x80})), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(endpoints_at, {5})), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(endpoints_at, {255})), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(endpoints_at + 1, {0})), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(endpoints_at + 2, {'\n'})), DecodeError);
  CHECK_THROWS_AS(unpack_bytes<ConcAddr>(changed(good.size() - 8, std::vector<int>(8, 0))), DecodeError);
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_THROWS_AS(unpack_bytes<ConcAddr>(good.view().first(size)), DecodeError);
}

TEST_CASE("packing for a Corps that nobody told of, or in a process without one, is refused") {
  ByteBuffer out;
  CHECK_THROWS_AS(Packer{out}.for_env(corps::ext_env_first + 999'999), Refused);
  auto const to = env_of(there);
  CHECK_THROWS_AS(Packer{out}.for_env(to)(ConcAddr{3, conc}), Refused);
}

TEST_CASE("a link to another Corps packs its requests for that") {
  Playing const playing{here};
  corps::net::test::CallingLink caller{0, env_of(there)};
  caller.connect();
  auto const answer = caller.call<&Worker::meet>(Name<Worker>{ConcAddr{3, conc}});
  REQUIRE(caller.carrier->way.size() == 1);
  auto const& sent = caller.carrier->way.front();
  CHECK(std::ranges::search(sent, here.id.bytes).size() == here.id.bytes.size());
  caller.answer_last(true);
  caller.lose_env();
}

TEST_CASE("a Stream from another Corps ends with the same error") {
  Running running;
  auto const producer = corps::conc_addr({there.id, 0, ConcId{77}, {}});
  auto stream = unpack_bytes<corps::Stream<int>>(pack_for_own(producer));
  std::string text;
  try {
    (void)stream.next().get();
  } catch (Refused const& error) {
    text = error.text();
  }
  CHECK(text.find("no link to corps " + to_string(there.id)) != std::string::npos);
}

TEST_CASE("a call to a Worker of another Corps is refused: there is no link, and the error names the Corps and the remedy") {
  Running running;
  auto const external = Name<Worker>{corps::conc_addr({there.id, 3, conc, there.endpoints})};
  auto const says_why = [](auto future) {
    try {
      (void)future.get();
    } catch (Refused const& error) {
      CHECK(!error.may_have_run());
      CHECK(error.text().find("no link to corps " + to_string(there.id) + ", last seen at tls:192.0.2.2:4711") !=
            std::string::npos);
      CHECK(error.text().find("hand its Name to a Worker of that Corps") != std::string::npos);
      return true;
    }
    return false;
  };
  CHECK(says_why(external.call<&Worker::twice>(1)));
  CHECK(says_why(external.within(patience).call<&Worker::twice>(1)));
  CHECK(says_why(corps::watch(external)));
  (void)external.tell<&Worker::twice>(1);
  corps::exit(external);
  auto const worker = corps::create<Worker>(corps::here()).get();
  CHECK(worker.call<&Worker::meet>(external).get());
  CHECK(says_why(corps::create<Worker>(corps::env(external.address().env))));
  CHECK(running.stop() == 0);
}

}  // namespace ext_addr_test
