// Prints the identity of many methods, one a line. Built by every supported compiler; the outputs must be equal.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "corps/detail/method_id.hpp"

namespace shop {

enum class Color : std::uint8_t { red, green };
enum Size : long { small, large };

struct Hit {
  std::string file;
  std::uint32_t line;
  std::string text;
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
  std::map<std::string, Even> evens;
  std::optional<bool> last;
};
struct Empty {};
class Own {
 public:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x_);
  }

 private:
  int x_ = 0;
};
template <class T>
class OwnOf {
 public:
  static constexpr auto corps_type = std::is_same_v<T, int> ? "shop::OwnOf:int" : "shop::OwnOf:other";
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x_);
  }

 private:
  T x_{};
};
struct Handle {
  static constexpr std::string_view corps_wire = "name";
  std::uint64_t id;
};

class Api {
 public:
  virtual ~Api() = default;
  virtual corps::Task<Hit> find(std::string text) = 0;
  virtual int inherited(int) const noexcept;
  int plain(int);
};

class Server : public Api {
 public:
  corps::Task<Hit> find(std::string text) override;
  virtual void later(std::string const& text) noexcept;

  // Numbers by width and sign, whatever they are called.
  void numbers(char, signed char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long, long long,
               unsigned long long);
  void characters(char8_t, char16_t, char32_t, wchar_t, bool, float, double);
  void enums(Color, Size);

  // Overloads, qualifiers.
  void put(int);
  void put(double) const;
  void put(std::string) noexcept;
  void put(std::vector<int> const&) const noexcept;
  int ref_qualified() &;
  int const_ref_qualified() const& noexcept;
  void put();

  // References and const of parameters do not travel.
  std::string const& by_reference(std::string const& a, std::string&& b, std::string c, int const d);

  void strings(std::string, std::u16string, std::filesystem::path);
  void sequences(std::vector<int>, std::vector<bool>, std::deque<std::string>, std::list<double>, std::array<char, 4>,
                 std::array<std::array<Hit, 2>, 3>, std::vector<std::byte>);
  void keyed(std::set<int>, std::multiset<int>, std::map<std::string, int>, std::multimap<int, int>, std::unordered_set<int>,
             std::unordered_multiset<int>, std::unordered_map<int, std::vector<Hit>>, std::unordered_multimap<int, int>);
  void mixed(std::pair<int, Hit>, std::tuple<>, std::tuple<int, std::string>, std::optional<Hit>,
             std::variant<std::monostate, int, Hit>);
  void times(std::chrono::nanoseconds, std::chrono::hours, std::chrono::duration<float, std::ratio<3, 7>>,
             std::chrono::system_clock::time_point, std::chrono::steady_clock::time_point);
  void aggregates(Hit, Empty, Tree, Even, Odd, std::vector<Tree>);
  void own(Own, OwnOf<int>, OwnOf<double>, std::map<std::string, Own>, Handle, std::vector<Handle>);

  corps::Task<> task_without_result();
  corps::Task<std::vector<Hit>> task_of_hits(int);
  std::optional<std::map<std::string, std::vector<Hit>>> result() const;

  template <class T>
  void generic(T);

  class Inner {
   public:
    void nested(int);
    struct Deeper {
      void still(int);
    };
  };

  std::uint64_t total;
  std::vector<Hit> const hits;
};

/// What is renamed keeps its identity.
class Renamed {
 public:
  static constexpr std::string_view corps_class = "shop::OldName";
  void method();
};

template <class T>
class Cache {
 public:
  static constexpr auto corps_class = "shop::Cache";
  void put(T);
  std::optional<T> last;
  struct Part {
    static constexpr char const corps_class[] = "shop::Cache::Part";
    void part();
  };
};

}  // namespace shop

class Global {
 public:
  int method(int);
};

int global_function(std::string const& text, int);
namespace shop {
int overloaded(int);
Hit overloaded(double) noexcept;
}  // namespace shop

namespace {

class Hidden {
 public:
  static constexpr auto corps_class = "identity_dump::Hidden";
  void method() {}
  int member = 0;
};

using namespace corps::detail;

void print(MethodId const& id) {
  auto const text = [](std::string_view view) { std::printf("%.*s", static_cast<int>(view.size()), view.data()); };
  std::printf("%016llx ", static_cast<unsigned long long>(id.hash));
  text(id.class_name);
  std::printf("::");
  text(id.method_name);
  std::printf(" ");
  text(id.signature);
  std::printf("\n");
}

template <auto... M>
void print_all() {
  (print(method_id<M>()), ...);
}

}  // namespace

int main() {
  using shop::Server;
  print_all<&shop::Api::find, &shop::Api::inherited, &shop::Api::plain>();
  print_all<&Server::find, &Server::inherited, &Server::plain, &Server::later>();
  print_all<&Server::numbers, &Server::characters, &Server::enums>();
  print_all<static_cast<void (Server::*)(int)>(&Server::put), static_cast<void (Server::*)(double) const>(&Server::put),
            static_cast<void (Server::*)(std::string) noexcept>(&Server::put),
            static_cast<void (Server::*)(std::string)>(&Server::put),
            static_cast<void (Server::*)(std::vector<int> const&) const noexcept>(&Server::put),
            static_cast<void (Server::*)(std::vector<int> const&) const>(&Server::put),
            static_cast<void (Server::*)()>(&Server::put)>();
  print_all<&Server::ref_qualified, &Server::const_ref_qualified, &Server::by_reference>();
  print_all<&Server::strings, &Server::sequences, &Server::keyed, &Server::mixed, &Server::times, &Server::aggregates,
            &Server::own>();
  print_all<&Server::task_without_result, &Server::task_of_hits, &Server::result>();
  print_all<&Server::generic<int>, &Server::generic<std::string>>();
  print_all<&Server::Inner::nested, &Server::Inner::Deeper::still>();
  print_all<&shop::Renamed::method, &shop::Cache<int>::put, &shop::Cache<std::string>::put, &shop::Cache<int>::Part::part>();
  print_all<&Global::method, &Hidden::method>();
  print_all<&global_function, static_cast<int (*)(int)>(&shop::overloaded),
            static_cast<shop::Hit (*)(double)>(&shop::overloaded)>();
  print(member_get_id<&Server::total>());
  print(member_set_id<&Server::total>());
  print(member_get_id<&Server::hits>());
  print(member_get_id<&shop::Cache<double>::last>());
  print(member_get_id<&Hidden::member>());
}
