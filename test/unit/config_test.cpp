#include "corps/config.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <sstream>

#include "corps/pack.hpp"
#include "env/boot/internal/config_text.hpp"
#include "env/boot/internal/units.hpp"
#include "test/unit/config_kit.hpp"

namespace config_test {

using namespace config_kit;
using namespace std::chrono_literals;

template <class T>
T get(std::string_view text, std::string_view key) {
  return load_text(text).config.get<T>(key);
}

template <class T>
std::string get_error(std::string_view text, std::string_view key) {
  return config_error([&] { get<T>(text, key); });
}

TEST_CASE("config: without any layer every key has its documented default") {
  auto const loaded = load(with_files({}), {"HOME=/root", "CORPSE=1"});
  auto const& settings = loaded.settings;
  CHECK(settings.corps.tag == "program");
  CHECK(settings.corps.program.empty());
  CHECK(settings.corps.envs == 1);
  CHECK(settings.corps.without_env0 == WithoutEnv0::exit);
  CHECK(settings.env.threads == 0);
  CHECK(settings.limits.request_timeout == 60s);
  CHECK(settings.limits.mailbox == 100'000);
  CHECK(settings.limits.open_calls_per_worker == 10'000);
  CHECK(settings.limits.in_flight_per_link == 67'108'864);
  CHECK(settings.limits.frame == 262'144);
  CHECK(settings.limits.message == 268'435'456);
  CHECK(settings.limits.link_resume == 10s);
  CHECK(settings.limits.handshake == 1s);
  CHECK(settings.limits.create_timeout == 30s);
  CHECK(settings.limits.boot == 10s);
  CHECK(settings.limits.stop == 5s);
  CHECK(settings.limits.spare_threads == 64);
  CHECK(settings.limits.detached_threads == 64);
  CHECK(settings.limits.descriptor_waits == 1'000);
  CHECK(settings.net.listen.empty());
  CHECK(settings.net.carrier == CarrierChoice::automatic);
  CHECK(settings.log.level == LogLevel::info);
  CHECK(settings.log.file.empty());
  for (auto const& source : loaded.sources) CHECK(source == "default");
}

TEST_CASE("config: the table of keys agrees with itself") {
  std::set<std::string> variables;
  for (auto const& key : keys()) {
    CAPTURE(key.name);
    CHECK(find_key(key.name) == &key);
    CHECK(variables.insert(environment_name(key.name)).second);
    CHECK(key.meaning.ends_with('.'));
    if (key.name.starts_with("corps.")) CHECK(variables.insert(environment_name(key.name.substr(6))).second);
    if (key.kind == Kind::table) continue;

    // What is shown can be set again, and lands in the same member.
    Settings const defaults;
    auto const shown = show(key, key.read(defaults));
    auto const loaded = load_set({std::string{key.name} + "=" + shown});
    CHECK(show(key, key.read(loaded.settings)) == shown);
    if (key.min < key.max && key.kind != Kind::text && key.kind != Kind::path && key.kind != Kind::tag) {
      for (auto const number : {key.min, key.max}) {
        Settings settings;
        key.write(settings, {number, {}});
        CHECK(key.read(settings).number == number);
      }
    }
  }
}

TEST_CASE("config: a whole file") {
  auto const loaded = load_text(R"(
[corps]
tag = "regex"
program = "./regex_server"
envs = 4
without_env0 = "serve"
args = { searchers_per_env = 2 }

[env]
threads = 3

[limits]
request_timeout = "90s"
mailbox = 100_001
open_calls_per_worker = 10_001
in_flight_per_link = "65MiB"
frame = "64 KiB"
message = "1GB"
link_resume = "1min"

[net]
listen = "[::1]:7000"
carrier = "tcp"

[log]
level = "debug"
file = "/var/log/regex.log"
)");
  auto const& settings = loaded.settings;
  CHECK(settings.corps.tag == "regex");
  CHECK(settings.corps.program == (std::filesystem::current_path() / "regex_server").string());
  CHECK(settings.corps.envs == 4);
  CHECK(settings.corps.without_env0 == WithoutEnv0::serve);
  CHECK(settings.env.threads == 3);
  CHECK(settings.limits.request_timeout == 90s);
  CHECK(settings.limits.mailbox == 100'001);
  CHECK(settings.limits.in_flight_per_link == 68'157'440);
  CHECK(settings.limits.frame == 65'536);
  CHECK(settings.limits.message == 1'000'000'000);
  CHECK(settings.limits.link_resume == 60s);
  CHECK(settings.net.listen == "[::1]:7000");
  CHECK(settings.net.carrier == CarrierChoice::tcp);
  CHECK(settings.log.level == LogLevel::debug);
  CHECK(settings.log.file == "/var/log/regex.log");
  CHECK(loaded.source_of("corps.envs") == "app.toml:5");
  CHECK(loaded.source_of("log.level") == "app.toml:26");
  CHECK(loaded.source_of("limits.stop") == "default");
  CHECK(loaded.config.tag() == "regex");
  CHECK(loaded.config.get<int>("searchers_per_env") == 2);
}

TEST_CASE("config: later layers win and every value keeps its source") {
  Folder const folder;
  auto const first =
      folder.write("first.toml", "corps.envs = 2\nlimits.mailbox = 2\nlimits.stop = \"2s\"\nlog.level = \"warn\"\n");
  auto const second = folder.write("second.toml", "limits.mailbox = 3\nlimits.stop = \"3s\"\nlog.level = \"error\"\n");
  auto line = with_files({first, second});
  line.options = {{"log.level=off", "--set"}, {"log.level=trace", "--set"}, {"corps.envs=7", "--envs"}};
  auto const loaded = load(line, {"CORPS_LIMITS_STOP=4s", "CORPS_LOG_LEVEL=debug", "CORPS_NET_LISTEN=localhost:0"});
  CHECK(loaded.settings.corps.envs == 7);
  CHECK(loaded.settings.limits.mailbox == 3);
  CHECK(loaded.settings.limits.stop == 4s);
  CHECK(loaded.settings.log.level == LogLevel::trace);
  CHECK(loaded.settings.net.listen == "127.0.0.1:0");
  CHECK(loaded.settings.corps.tag == "first");
  CHECK(loaded.source_of("corps.envs") == "--envs");
  CHECK(loaded.source_of("limits.mailbox") == second + ":1");
  CHECK(loaded.source_of("limits.stop") == "CORPS_LIMITS_STOP");
  CHECK(loaded.source_of("log.level") == "--set");
}

TEST_CASE("config: the tag comes from the file, else the program, made of allowed characters") {
  Folder const folder;
  CHECK(load(with_files({folder.write("my app+1.toml", "")}), {}).settings.corps.tag == "my_app_1");
  CHECK(load(with_files({folder.write(std::string(80, 'x') + ".toml", "")}), {}).settings.corps.tag == std::string(64, 'x'));
  auto line = with_files({});
  line.program.clear();
  CHECK(load(line, {}).settings.corps.tag == "corps");
}

TEST_CASE("config: environment variables") {
  auto const loaded =
      load_set({}, {"CORPS_CORPS_ENVS=3", "CORPS_TAG=5", "CORPS_ARGS_ROOT=/tmp/a b", "CORPS_ARGS_N=4", "PATH=/bin"});
  CHECK(loaded.settings.corps.envs == 3);
  CHECK(loaded.settings.corps.tag == "5");
  CHECK(loaded.source_of("corps.tag") == "CORPS_TAG");
  CHECK(loaded.config.get<std::string>("root") == "/tmp/a b");
  CHECK(loaded.config.get<int>("n") == 4);

  CHECK(environment_error({"CORPS_LIMITS_FRMAE=1"}) ==
        "CORPS_LIMITS_FRMAE: sets no key of the configuration; did you mean CORPS_LIMITS_FRAME?");
  CHECK(has(environment_error({"CORPS_=1"}), "CORPS_: sets no key of the configuration"));
  CHECK(has(environment_error({"CORPS_ARGS_=1"}), "CORPS_ARGS_: sets no key of the configuration"));
  CHECK(has(environment_error({"CORPS_LIMITS_STOP"}), "CORPS_LIMITS_STOP: limits.stop: '' has no number"));
  CHECK(has(environment_error({"CORPS_LIMITS_STOP=5"}), "CORPS_LIMITS_STOP: limits.stop: '5' has no unit"));
  CHECK(has(environment_error({"CORPS_LOG_FILE=\xff"}), "CORPS_LOG_FILE: log.file = '\\xff' is not UTF-8"));
  CHECK(environment_error({"CORPS_ENVS=1", "CORPS_CORPS_ENVS=1"}) ==
        "CORPS_CORPS_ENVS: sets corps.envs, as CORPS_ENVS does; unset one of them");
}

TEST_CASE("config: --set takes TOML values, and bare text for the rest") {
  auto const loaded = load_set({"corps.envs=1_000", "log.level=off", "log.file=\"a b\"", "limits.frame=8KiB", "corps.tag=2024",
                                "env.threads=auto", "args.a=1_000", "args.b=true", "args.c=1.5", "args.d=plain text",
                                "args.e=[1, 2]", "args.f=['x', 'y']", "args.g=2024-01-01", "args.h={i = 1, j = {k = 'deep'}}",
                                "corps.args.l=", "args.m=1 # no comment", "args.n='a'} # '", "args.o=a\nb;$(x)", "args.p=x=y"});
  CHECK(loaded.settings.corps.envs == 1000);
  CHECK(loaded.settings.log.level == LogLevel::off);
  CHECK(loaded.settings.log.file == "a b");
  CHECK(loaded.settings.limits.frame == 8192);
  CHECK(loaded.settings.corps.tag == "2024");
  auto const& config = loaded.config;
  CHECK(config.get<int>("a") == 1000);
  CHECK(config.get<std::string>("a") == "1_000");
  CHECK(config.get<bool>("b"));
  CHECK(config.get<double>("c") == 1.5);
  CHECK(config.get<std::string>("d") == "plain text");
  CHECK(config.get<std::vector<std::int64_t>>("e") == std::vector<std::int64_t>{1, 2});
  CHECK(config.get<Strings>("f") == Strings{"x", "y"});
  CHECK(config.get<std::string>("g") == "2024-01-01");
  CHECK(config.get<int>("h.i") == 1);
  CHECK(config.get<std::string>("h.j.k") == "deep");
  CHECK(config.get<std::string>("l").empty());
  CHECK(config.get<std::string>("m") == "1 # no comment");
  CHECK(config.get<std::string>("n") == "'a'} # '");
  CHECK(config.get<std::string>("o") == "a\nb;$(x)");
  CHECK(config.get<std::string>("p") == "x=y");

  CHECK(set_error("frame=8KiB") == "--set: unknown key 'frame'; did you mean 'limits.frame'?");
  CHECK(set_error("limits.stop=5") ==
        "--set: limits.stop: '5' has no unit; write a whole number and a unit (ns us ms s min h d), such as \"5s\"");
  CHECK(has(set_error("corps.envs=two"), "--set: corps.envs: is text; write a whole number"));
  CHECK(has(set_error("corps.envs=1; rm -rf $(x)"), "--set: corps.envs: is text; write a whole number"));
  CHECK(has(set_error("log.file=a\nb"), "'a\\x0ab' holds a control character"));
  CHECK(has(set_error("limits.frame"), "--set: 'limits.frame' is not an assignment; write key=value"));
  CHECK(has(set_error("=1"), "is not an assignment"));
  CHECK(has(set_error("a\nb=1"), "--set: unknown key 'a\\x0ab'"));
  CHECK(has(set_error("args.a b=1"), "--set: key corps.args.a b holds more than letters"));
  CHECK(has(set_error("args.=1"), "holds more than letters"));
  CHECK(has(set_error("args.a..b=1"), "holds more than letters"));
  CHECK(has(set_error("args=1"), "--set: corps.args is a table of the application"));
  CHECK(has(set_error("args." + std::string(300, 'a') + "=1"), "is longer than 256 bytes"));
  CHECK(has(set_error("args.a=\xff"), "is not UTF-8"));
}

TEST_CASE("config: what the application reads") {
  constexpr std::string_view text = R"([corps.args]
count = 300
ratio = 0.25
root = "/srv"
on = true
words = ["a", "b"]
numbers = [1, -2]
none = []
search.depth = -3
big = 9223372036854775807
)";
  CHECK(get<std::int64_t>(text, "count") == 300);
  CHECK(get<std::uint16_t>(text, "count") == 300);
  CHECK(get<int>(text, "search.depth") == -3);
  CHECK(get<std::uint64_t>(text, "big") == 9'223'372'036'854'775'807U);
  CHECK(get<double>(text, "ratio") == 0.25);
  CHECK(get<double>(text, "count") == 300.0);
  CHECK(get<std::string>(text, "root") == "/srv");
  CHECK(get<bool>(text, "on"));
  CHECK(get<Strings>(text, "words") == Strings{"a", "b"});
  CHECK(get<std::vector<std::int64_t>>(text, "numbers") == std::vector<std::int64_t>{1, -2});
  CHECK(get<Strings>(text, "none").empty());
  CHECK(get<std::vector<std::int64_t>>(text, "none").empty());

  auto const config = load_text(text).config;
  CHECK(config.get<std::int64_t>("searchers_per_env", 2) == 2);
  CHECK(config.get<std::string>("root", "/") == "/srv");
  CHECK(config.has("search.depth"));
  CHECK_FALSE(config.has("search"));

  CHECK(get_error<std::string>("", "root") == "app.toml: corps.args.root is missing; set it there or with --set args.root=VALUE");
  CHECK(config_error([] { load_set({}).config.get<int>("n"); }) ==
        "command line: corps.args.n is missing; set it there or with --set args.n=VALUE");
  CHECK(get_error<std::uint8_t>(text, "count") == "app.toml:2: corps.args.count is 300; allowed is 0 to 255");
  CHECK(get_error<unsigned>(text, "search.depth") == "app.toml:9: corps.args.search.depth is -3; allowed is 0 to 4294967295");
  CHECK(get_error<std::string>(text, "count") ==
        "app.toml:2: corps.args.count is an integer, but the application wants text in quotes");
  CHECK(has(get_error<int>(text, "ratio"), "is a real number, but the application wants a whole number"));
  CHECK(
      has(get_error<bool>(text, "count"), "app.toml:2: corps.args.count is an integer, but the application wants true or false"));
  CHECK(has(get_error<double>(text, "root"), "is text, but the application wants a number"));
  CHECK(has(get_error<int>(text, "numbers"), "is a list, but the application wants a whole number"));
  CHECK(has(get_error<Strings>(text, "root"), "is text, but the application wants a list of texts"));
  CHECK(has(get_error<Strings>(text, "numbers"), "wants a list of texts"));
  CHECK(has(get_error<std::vector<std::int64_t>>(text, "words"), "wants a list of whole numbers"));
  CHECK(config_error([&] { config.get<bool>("count", true); }) != "no error");  // wrong is not missing
}

TEST_CASE("config: a later layer replaces a table of the application by a value, and a value by a table") {
  Layers layers;
  layers.add_text("corps.args.a.b = 1\ncorps.args.a.c.d = 2\ncorps.args.ab = 3\ncorps.args.x = 4", "one.toml");
  layers.add_text("corps.args.a = 5\ncorps.args.x.y.z = 6", "two.toml");
  auto const config = layers.finish("program", {}).config;
  CHECK(config.get<int>("a") == 5);
  CHECK(config.get<int>("ab") == 3);
  CHECK(config.get<int>("x.y.z") == 6);
  CHECK_FALSE(config.has("a.b"));
  CHECK_FALSE(config.has("a.c.d"));
  CHECK_FALSE(config.has("x"));
}

TEST_CASE("config: settings and Config travel") {
  auto loaded = load_text(
      "corps.envs = 9\nlimits.stop = \"7s\"\nlog.level = \"warn\"\nnet.listen = \"[::1]:5\"\n"
      "corps.args = {n = 5, list = [\"a\", \"b\"]}");
  corps::detail::ByteBuffer buffer;
  corps::Packer packer{buffer};
  packer(loaded.settings, loaded.config);
  corps::Unpacker unpacker{std::span{buffer.data(), buffer.size()}};
  Settings settings;
  corps::Config config;
  unpacker(settings, config);
  unpacker.finish();
  for (auto const& key : keys()) {
    if (key.kind != Kind::table) CHECK(show(key, key.read(settings)) == show(key, key.read(loaded.settings)));
  }
  CHECK(config.tag() == "app");
  CHECK(config.get<int>("n") == 5);
  CHECK(config.get<Strings>("list") == Strings{"a", "b"});
  CHECK(config_error([&] { config.get<bool>("n"); }) ==
        "app.toml:5: corps.args.n is an integer, but the application wants true or false");
}

TEST_CASE("config: a Config made of foreign items only ever fails with ConfigError") {
  using corps::detail::ConfigKind;
  corps::Config const config{{"tag",
                              "",
                              {},
                              {{"empty", ConfigKind::integer, false, {}, {}, "peer"},
                               {"text", ConfigKind::integer, false, {"12x"}, {}, "peer"},
                               {"list", ConfigKind::integer, true, {"1", "x"}, {}, "peer"},
                               {"kind", static_cast<ConfigKind>(77), false, {"1"}, {}, "peer"}}}};
  CHECK(has(config_error([&] { config.get<int>("empty"); }), "peer: corps.args.empty is"));
  CHECK(config_error([&] { config.get<int>("text"); }) != "no error");
  CHECK(config_error([&] { config.get<std::vector<std::int64_t>>("list"); }) != "no error");
  CHECK(has(config_error([&] { config.get<int>("kind"); }), "is of an unknown kind"));
}

TEST_CASE("config: the program is relative to the file that names it, and must be executable") {
  Folder const folder;
  auto const check = [&](std::string const& text) {
    auto const file = folder.write("app.toml", text);
    return config_error([&] { check_program(load(with_files({file}), {})); });
  };
  auto const at = folder.path("app.toml");
  CHECK(check("") == at + ": corps.program is missing; set it to the executable of the application");
  CHECK(check("\ncorps.program = \"server\"") == at + ":2: program '" + folder.path("server") +
                                                     "' is not executable: No such file or directory; set corps.program to the "
                                                     "executable of the application");
  folder.write("server", "#!/bin/sh\n");
  CHECK(check("corps.program = \"./server\"") ==
        at + ":1: program '" + folder.path("server") +
            "' is not executable: Permission denied; give it the right to be run (chmod +x)");
  CHECK(has(check("corps.program = \".\""), "is not executable: Is a directory"));
  REQUIRE(chmod(folder.path("server").c_str(), 0700) == 0);
  CHECK(check("corps.program = \"./server\"") == "no error");
  CHECK(check("corps.program = \"" + folder.path("server") + "\"") == "no error");

  auto line = with_files({folder.write("app.toml", "")});
  line.options = {{"corps.program=server", "--set"}};
  CHECK(load(line, {}).settings.corps.program == (std::filesystem::current_path() / "server").string());
}

TEST_CASE("config: threads of an Env") {
  Settings settings;
  CHECK(worker_threads(settings, 8, 2) == 4);
  CHECK(worker_threads(settings, 2, 8) == 1);
  CHECK(worker_threads(settings, 8, 0) == 8);
  CHECK(worker_threads(settings, 0, 1) == 1);
  settings.env.threads = 3;
  CHECK(worker_threads(settings, 8, 8) == 3);
}

TEST_CASE("config: what is printed holds every key with its source") {
  auto const loaded =
      load_text("limits.frame = \"8KiB\"\ncorps.args = {text = \"a \\\"b\\\"\\n\", list = [1, 2], r = inf, ok = true}");
  auto const table = render_config(loaded, false);
  std::istringstream lines{table};
  std::string line;
  std::size_t count = 0;
  std::string frame;
  while (std::getline(lines, line)) {
    ++count;
    if (line.starts_with("limits.frame ")) frame = line;
  }
  CHECK(count == 1 + keys().size() + 4);
  for (auto const& key : keys()) CHECK(has(table, std::string{"\n"} + std::string{key.name} + " "));
  for (auto const* part :
       {" 8KiB ", " app.toml:1 ", " 256KiB ", " 4KiB to 16MiB ", " B KiB MiB GiB kB MB GB ", "Largest piece"}) {
    CAPTURE(part);
    CHECK(has(frame, part));
  }
  CHECK(has(table, R"("a \"b\"\u000a")"));

  auto const json = render_config(loaded, true);
  CHECK(has(json, R"({"key": "limits.frame", "value": "8KiB", "source": "app.toml:1", "default": "256KiB", )"));
  CHECK(has(json, R"({"key": "limits.mailbox", "value": 100000, "source": "default", )"));
  CHECK(has(json, R"({"key": "env.threads", "value": "auto", )"));
  CHECK(has(json, R"({"key": "corps.args.list", "value": [1, 2], "source": "app.toml:2"})"));
  CHECK(has(json, R"({"key": "corps.args.ok", "value": true, )"));
  CHECK(has(json, R"({"key": "corps.args.r", "value": "inf", )"));
  CHECK(has(json, R"({"key": "corps.args.text", "value": "a \"b\"\u000a", )"));
  CHECK(json_string("\xff\"\\\x01ü") == "\"\\ufffd\\\"\\\\\\u0001ü\"");
}

TEST_CASE("config: units read what they show") {
  for (std::int64_t const ns : {std::int64_t{1}, std::int64_t{1'500}, std::int64_t{1'000'000}, std::int64_t{90'000'000'000},
                                std::int64_t{86'400'000'000'000}, std::int64_t{9'223'372'036'854'775'807}}) {
    CHECK(parse_duration_ns(show_duration_ns(ns)) == ns);
    CHECK(parse_bytes(show_bytes(ns)) == ns);
  }
  CHECK(show_duration_ns(0) == "0ns");
  CHECK(show_duration_ns(90'000'000'000) == "90s");
  CHECK(parse_duration_ns("2us") == 2'000);
  CHECK(parse_duration_ns("3min") == 180'000'000'000);
  CHECK(parse_duration_ns("4h") == 14'400'000'000'000);
  CHECK(parse_bytes("3kB") == 3'000);
  CHECK(parse_bytes("3MB") == 3'000'000);
  CHECK(parse_bytes("2GiB") == 2'147'483'648);
  CHECK(show_count(0) == "0");
  CHECK(show_count(999) == "999");
  CHECK(show_count(1'000) == "1_000");
  CHECK(show_count(100'000'000) == "100_000_000");
  CHECK(show_count(-1'234) == "-1_234");
  CHECK(edit_distance("frmae", "frame") == 2);
  CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("config: the reference lists exactly the keys there are") {
  std::ifstream file{std::string{CORPS_SOURCE_DIR} + "/docs/reference/config.md"};
  REQUIRE(file);
  std::string const document{std::istreambuf_iterator<char>{file}, {}};
  std::string table;
  for (auto const& key : keys()) {
    auto const unit = unit_of(key);
    auto const shown_default = show_default(key);
    table += "| `" + std::string{key.name} + "` | " + (shown_default.empty() ? "empty" : shown_default) + " | " +
             show_range(key) + " | " + std::string{unit} + (unit.empty() ? "| " : " | ") + std::string{key.meaning} + " |\n";
  }
  CAPTURE(table);
  auto const begin = document.find("| `corps.tag`");
  REQUIRE(begin != std::string::npos);
  auto const end = document.find("\n\n", begin);
  REQUIRE(end != std::string::npos);
  CHECK(document.substr(begin, end + 1 - begin) == table);

  auto const example = document.find("```toml\n") + 8;
  auto const loaded = load_text(document.substr(example, document.find("```", example) - example));
  CHECK(loaded.settings.limits.request_timeout == 90s);
  CHECK(loaded.config.get<int>("searchers_per_env") == 2);
}

}  // namespace config_test
