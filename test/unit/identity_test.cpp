#include "corps/detail/method_id.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace identity_test {

using namespace corps::detail;

struct Hit {
  std::string file;
  std::uint32_t line;
};
struct Tree {
  int value;
  std::vector<Tree> kids;
};
struct Odd;
struct Even {
  std::vector<Odd> odds;
};
struct Odd {
  std::map<int, Even> evens;
};
struct Own {
  template <class Archive>
  void serialize(Archive&) {}
};
struct Handle {
  static constexpr auto corps_wire = "name";
  int id;
};

class Api {
 public:
  virtual ~Api() = default;
  virtual corps::Task<Hit> find(std::string) = 0;
};

class Server : public Api {
 public:
  void over(int);
  void over(std::string);
  void over(int) const;
  int quiet(Hit const&) noexcept;
  int quiet_const(Hit) const noexcept;
  corps::Task<Hit> find(std::string) override;
  corps::Task<> wait(std::string& out);
  std::vector<Hit> const& list(std::string const&, std::vector<int>&&) const;
  std::uint64_t total;
};

template <class T>
struct Named {
  static constexpr auto corps_class = "test::Named";
  void method(T);
};

TEST_CASE("identity: codes say what can be seen in the bytes") {
  CHECK(wire_code<bool>() == "bool");
  CHECK(wire_code<char>() == "i8");
  CHECK(wire_code<long>() == wire_code<long long>());
  CHECK(wire_code<unsigned long>() == "u64");
  CHECK(wire_code<std::byte>() == "u8");
  CHECK(wire_code<std::string const&>() == "str");
  CHECK(wire_code<std::vector<Hit>>() == "[{str,u32}]");
  CHECK(wire_code<std::tuple<std::string, std::uint32_t>>() == wire_code<Hit>());
  CHECK(wire_code<std::array<int, 12>>() == "[i32;12]");
  CHECK(wire_code<std::set<int>>() == "<i32>");
  CHECK(wire_code<std::multiset<int>>() == "<i32*>");
  CHECK(wire_code<std::map<int, std::optional<bool>>>() == "<i32:?bool>");
  CHECK(wire_code<std::variant<int, std::string>>() == "(i32|str)");
  CHECK(wire_code<std::chrono::milliseconds>() == "dur(i64,1/1000)");
  CHECK(wire_code<std::chrono::sys_seconds>() == "time(dur(i64,1/1))");
  CHECK(wire_code<std::chrono::steady_clock::time_point>() == "steady(dur(i64,1/1000000000))");
  CHECK(wire_code<Tree>() == "{i32,[^1]}");
  CHECK(wire_code<std::pair<Tree, Tree>>() == "{{i32,[^1]},{i32,[^1]}}");
  CHECK(wire_code<Even>() == "{[{<i32:^2>}]}");
  CHECK(wire_code<Odd>() == "{<i32:{[^2]}>}");
  CHECK(wire_code<std::optional<Own>>() == "?#identity_test::Own");
  CHECK(wire_code<std::vector<Handle>>() == "[name]");
  CHECK(wire_code<void>() == "void");
}

TEST_CASE("identity: a method is its class, its name and its signature") {
  constexpr MethodId id = method_id<&Server::list>();
  CHECK(id.class_name == "identity_test::Server");
  CHECK(id.method_name == "list");
  CHECK(id.signature == "(str,[i32])[{str,u32}]");
  CHECK(id == make_method_id("identity_test::Server", "list", "(str,[i32])[{str,u32}]"));
}

TEST_CASE("identity: the hash is the one that is on the wire") {
  // FNV-1a of "C::m()void", finished by splitmix64's last steps, worked out apart from this program.
  CHECK(make_method_id("C", "m", "()void").hash == 0x665f99855e49ea84ull);
  CHECK(make_method_id("", "", "").hash == 0x3b06ee7da0079cdcull);
}

TEST_CASE("identity: overloads differ, qualifiers do not") {
  constexpr auto of_int = method_id<static_cast<void (Server::*)(int)>(&Server::over)>();
  constexpr auto of_const = method_id<static_cast<void (Server::*)(int) const>(&Server::over)>();
  constexpr auto of_text = method_id<static_cast<void (Server::*)(std::string)>(&Server::over)>();
  CHECK(of_int == of_const);
  CHECK(of_int.hash != of_text.hash);
  CHECK(of_text.signature == "(str)void");
  CHECK(method_id<&Server::quiet>().signature == method_id<&Server::quiet_const>().signature);
  CHECK(method_id<static_cast<int (Server::*)(Hit const&)>(&Server::quiet)>() == method_id<&Server::quiet>());
}

TEST_CASE("identity: a virtual method belongs to the class that the pointer names") {
  CHECK(method_id<&Api::find>().class_name == "identity_test::Api");
  CHECK(method_id<&Server::find>().class_name == "identity_test::Server");
  CHECK(method_id<&Api::find>().signature == "(str){str,u32}");
}

TEST_CASE("identity: reading, writing and calling are three things") {
  constexpr auto get = member_get_id<&Server::total>();
  constexpr auto set = member_set_id<&Server::total>();
  CHECK(get.method_name == "total");
  CHECK(get.signature == "get:u64");
  CHECK(set.signature == "set:u64");
  CHECK(get.hash != set.hash);
}

TEST_CASE("identity: a class says its own name where compilers do not agree on one") {
  CHECK(class_name<Server>() == "identity_test::Server");
  CHECK(class_name<Named<int>>() == "test::Named");
  CHECK(method_id<&Named<int>::method>().hash != method_id<&Named<bool>::method>().hash);
}

TEST_CASE("identity: traits of a method") {
  using List = MethodTraits<&Server::list>;
  static_assert(std::is_same_v<List::Class, Server>);
  static_assert(std::is_same_v<List::Result, std::vector<Hit>>);
  static_assert(std::is_same_v<List::RawResult, std::vector<Hit> const&>);
  static_assert(std::is_same_v<List::Args, std::tuple<std::string, std::vector<int>>>);
  static_assert(std::is_same_v<List::Params, std::tuple<std::string const&, std::vector<int>&&>>);
  static_assert(List::is_const && !List::is_task && List::takes_references && !List::takes_out_references);
  using Wait = MethodTraits<&Server::wait>;
  static_assert(std::is_void_v<Wait::Result> && Wait::is_task && Wait::takes_out_references && !Wait::is_const);
  static_assert(std::is_same_v<MethodTraits<&Server::find>::Result, Hit>);
  static_assert(std::is_same_v<MemberTraits<&Server::total>::Type, std::uint64_t>);
  static_assert(std::is_same_v<MemberTraits<&Server::total>::Class, Server>);
  CHECK(method_id<&Server::wait>().signature == "(str)void");
}

}  // namespace identity_test
