// Tables of hosts: what they may hold, what is wrong with others, and which Env is where.

#include "corps/pack.hpp"
#include "test/unit/config_kit.hpp"

namespace config_hosts_test {

using namespace config_kit;

constexpr char const* two_hosts =
    "[hosts.h2]\nlaunch = [\"ip\", \"netns\", \"exec\", \"h2\"]\naddress = [\"10.99.0.2\", \"fd99::2\", \"h2.example\"]\nenvs = "
    "2\n"
    "[hosts.here]\naddress = \"127.0.0.1\"\nenvs = 3\n"
    "[net]\ntls_ca = \"ca\"\ntls_certificate = \"c\"\ntls_key = \"k\"\n";

std::string error_of(std::string const& text) {
  return config_error([&] { load_text(text); });
}

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("hosts: Envs are numbered host by host, first where the Corps is booted") {
  auto const loaded = load_text(two_hosts);
  auto const& settings = loaded.settings;
  REQUIRE(settings.hosts.size() == 2);
  CHECK(settings.hosts[0].name == "here");
  CHECK(settings.hosts[0].launch.empty());
  CHECK(settings.hosts[1].launch == Strings{"ip", "netns", "exec", "h2"});
  CHECK(settings.hosts[1].addresses == Strings{"10.99.0.2", "fd99::2", "h2.example"});
  CHECK(settings.corps.envs == 5);
  for (std::uint32_t env = 0; env < 5; ++env) CHECK(host_of(settings, env) == (env < 3 ? 0U : 1U));
  CHECK(host_of(Settings{}, 7) == 0);

  corps::detail::ByteBuffer buffer;
  corps::Packer packer{buffer};
  packer(settings);
  corps::Unpacker unpacker{std::span{buffer.data(), buffer.size()}};
  Settings copy;
  unpacker(copy);
  CHECK(copy.hosts.size() == 2);
  CHECK(copy.hosts[1].addresses == settings.hosts[1].addresses);
}

TEST_CASE("hosts: what is set is printed, and a later layer wins") {
  Layers layers;
  layers.add_text(two_hosts, "app.toml");
  layers.add_option({"hosts.h2.launch=[\"nsenter\", \"-t\", \"5\"]", "--set"});
  layers.add_option({"hosts.h2.address=10.99.0.3", "--set"});
  layers.add_option({"hosts.h2.envs=1", "--set"});
  auto const loaded = layers.finish("/usr/bin/program", {});
  CHECK(loaded.settings.hosts[1].addresses == Strings{"10.99.0.3"});
  CHECK(loaded.settings.corps.envs == 4);
  auto const table = render_config(loaded, false);
  CHECK(has(table, "\nhosts.h2.launch "));
  CHECK(has(table, "[nsenter, -t, 5]"));
  auto const json = render_config(loaded, true);
  CHECK(has(json, R"({"key": "hosts.h2.launch", "value": ["nsenter", "-t", "5"], "source": "--set"})"));
  CHECK(has(json, R"({"key": "hosts.here.envs", "value": 3, "source": "app.toml:7"})"));
}

TEST_CASE("hosts: what is wrong is said with its place and the remedy") {
  CHECK(has(error_of("hosts = 1"), "app.toml:1: hosts is a table of tables; write the keys of a host below [hosts.NAME]"));
  CHECK(error_of("[hosts.a]\nlanch = []") ==
        "app.toml:2: hosts.a.lanch: a host has no key 'lanch'; its keys are address, envs and launch");
  CHECK(has(error_of("[hosts]\na = 1"), "app.toml:2: hosts.a: a host has no key ''"));
  CHECK(error_of("[hosts.a]\nenvs = 0") == "app.toml:2: hosts.a.envs: is an integer '0'; write a whole number, 1 to 1_024");
  CHECK(has(error_of("[hosts.a]\nenvs = \"x\""), "is text 'x'; write a whole number"));
  for (std::string const address : {"\"1.2.3.4:80\"", "\"0.0.0.0\"", "\"::\"", "\"[::1]\"", "\"1.2.3\"", "\"a b\"", "\"\""})
    CHECK(has(error_of("[hosts.a]\naddress = " + address), "is no address at which others reach a host"));
  CHECK(has(error_of("[hosts.a]\naddress = []"), "has 0 entries; write an address, or a list of them"));
  CHECK(has(error_of("[hosts.a]\nlaunch = [1]"), "holds an integer; write a list of words, such as"));
  CHECK(has(error_of("[hosts.a]\nlaunch = [\"\"]"), "is no word"));
  CHECK(error_of("[hosts.a]\naddress = \"10.0.0.1\"") ==
        "app.toml:2: hosts.a.address: '10.0.0.1' is not a loopback address, and links beyond this host need TLS: set net.tls_ca, "
        "net.tls_certificate and net.tls_key");
  CHECK(has(error_of("[hosts.a]\naddress = \"a.example\""), "'a.example' is not a loopback address"));
  CHECK(error_of("[hosts.a]\nenvs = 1\n[hosts.b]\nenvs = 1") ==
        "app.toml:2: hosts.a has no address, and there are Envs of other hosts to reach it; set hosts.a.address");
  auto const host = [](std::string const& name, std::string const& more) {
    return "[hosts." + name + "]\naddress = \"localhost\"\n" + more;
  };
  CHECK(has(error_of(host("a", "") + host("b", "")),
            "hosts.a and hosts.b have no launch; only the host where the Corps is booted"));
  CHECK(has(error_of(host("a", "launch = [\"env\"]")), "every host has launch; the one where the Corps is booted"));
  CHECK(has(
      error_of("corps.envs = 3\n" + host("a", "") + host("b", "launch = [\"env\"]")),
      "app.toml:1: corps.envs = 3 (app.toml:1) and the hosts have 2 Envs; the rule is that corps.envs is their sum: remove it"));
  CHECK(has(error_of("net.listen = \"127.0.0.1:0\"\n" + host("a", "") + host("b", "launch = [\"env\"]")),
            "with several hosts each Env listens at the address of its own: remove net.listen"));
  CHECK(has(error_of(host("a", "envs = 1_000\n") + host("b", "launch = [\"env\"]\nenvs = 1_000")),
            "the hosts have 2000 Envs; allowed is 1 to 1_024"));
  CHECK(error_of("[hosts]") == "no error");
  CHECK(load_text(host("a", "envs = 3")).settings.corps.envs == 3);
}

}  // namespace config_hosts_test
