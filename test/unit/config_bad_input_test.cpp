#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

#include "env/boot/internal/toml_reader.hpp"
#include "env/boot/internal/units.hpp"
#include "test/unit/config_kit.hpp"

namespace config_bad_input_test {

using namespace config_kit;

TEST_CASE("config: files that are none (C01)") {
  Folder const folder;
  auto const missing = folder.path("missing.toml");
  CHECK(file_error(missing) == missing + ": cannot be read: No such file or directory; name a readable TOML file");
  CHECK(file_error(folder.path("")) == folder.path("") + ": is a directory; name a TOML file");
  CHECK(file_error("") == "'': cannot be read: No such file or directory; name a readable TOML file");
  CHECK(has(file_error(folder.write("file", "") + "/below.toml"), "cannot be read: Not a directory"));
  CHECK(has(file_error(folder.path("a\nb")), "a\\x0ab: cannot be read"));

  auto const fifo = folder.path("fifo.toml");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(file_error(fifo) == fifo + ": is not a regular file; name a TOML file");

  auto const secret = folder.write("secret.toml", "");
  REQUIRE(chmod(secret.c_str(), 0) == 0);
  bool const reads_everything = access(secret.c_str(), R_OK) == 0;  // as root
  CHECK(file_error(secret) ==
        (reads_everything ? "no error" : secret + ": cannot be read: Permission denied; name a readable TOML file"));
}

TEST_CASE("config: large files are refused unread, full ones are read (C01)") {
  Folder const folder;
  auto const large = folder.write("large.toml", "");
  REQUIRE(truncate(large.c_str(), 100 << 20) == 0);
  CHECK(file_error(large) == large + ": is larger than 1048576 bytes; a config file is small: name the right file");
  // A file that does not tell its size is read all the same.
  CHECK_FALSE(read_config_file("/proc/self/maps").empty());

  std::string full = "# " + std::string(config_file_bytes_max - 19, 'x') + "\ncorps.envs = 3\n#";
  REQUIRE(full.size() == config_file_bytes_max);
  CHECK(load(with_files({folder.write("full.toml", full)}), {}).settings.corps.envs == 3);
  CHECK(has(file_error(folder.write("full.toml", full + "#")), "is larger than 1048576 bytes"));
}

TEST_CASE("config: odd but good content (C01)") {
  CHECK(load_text("").settings.corps.tag == "app");
  CHECK(load_text("# nothing\n\n[corps]\n[limits]\n[corps.args]\n").settings.corps.envs == 1);
  CHECK(load_text("\xEF\xBB\xBF"
                  "corps.envs = 2\r\nlog.level = \"off\"\r\n")
            .settings.corps.envs == 2);
  CHECK(load_text("\xEF\xBB\xBF"
                  "[limits]\r\n\r\nmailbox = 5\r\n")
            .source_of("limits.mailbox") == "app.toml:3");
  CHECK(load_text("corps.args.text = \"ünï ☃\"").config.get<std::string>("text") == "ünï ☃");
}

TEST_CASE("config: bytes that are no TOML (C01)") {
  CHECK(text_error(std::string_view{"a = 1\n\0\0", 8}) ==
        "app.toml:2: holds a NUL byte, so it is not a TOML file; name the right file");
  CHECK(has(text_error(std::string_view{"\x7f"
                                        "ELF\2\1\1\0\0",
                                        9}),
            "app.toml:1: holds a NUL byte"));
  CHECK(text_error("[corps]\ntag = \"\xff\"") == "app.toml:2: is not UTF-8 here; save the file as UTF-8 text");
  CHECK(has(text_error("\n\ncorps.tag = \"\xed\xa0\x80\""), "app.toml:3: is not UTF-8"));
  CHECK(has(text_error("\xff\xfe[\1"), "app.toml:1: is not UTF-8"));
  CHECK(has(text_error("\x89PNG\r\n\x1a\n"), "app.toml:1: is not UTF-8"));
  CHECK(has(text_error("\n\nenvs\n"), "app.toml:3: not valid TOML: "));
  CHECK(has(text_error("corps.tag = \"open"), "app.toml:1: not valid TOML: "));
  CHECK(has(text_error("[corps\nenvs = 2"), "app.toml:1: not valid TOML: "));
  for (auto const* header : {"[=]", "[[#a]]", "[.a]", "[[\n", "[größe]", "[a.]", "[]", "[", "[[", "[a", "[[a]", "=", ".a = 1"}) {
    CAPTURE(header);
    CHECK(has(text_error(std::string{"\n"} + header), "app.toml:2: not valid TOML: "));
  }
}

TEST_CASE("config: every character outside of quotes is TOML or an error (C01)") {
  // One character of each 32, and all of those that look like blanks.
  for (std::uint32_t c = 0x80; c < 0x1'1000; c += (c >= 0x2000 && c < 0x2100) || c >= 0xFE00 ? 1 : 32) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string character;
    if (c >= 0x1'0000) {
      character += static_cast<char>(0xF0 | (c >> 18));
      character += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    } else if (c >= 0x800) {
      character += static_cast<char>(0xE0 | (c >> 12));
    }
    if (c >= 0x800) character += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    if (c < 0x800) character += static_cast<char>(0xC0 | (c >> 6));
    character += static_cast<char>(0x80 | (c & 0x3F));
    CAPTURE(c);
    for (auto const& text : {character, "a" + character + " = 1", "a = " + character, "[" + character + "]"}) {
      auto const error = text_error(text);
      if (!error.starts_with("app.toml:1: not valid TOML: ") && !error.starts_with("app.toml:1: unknown key") && c != 0xFEFF) {
        CHECK(error == "an error");
      }
    }
  }
}

TEST_CASE("config: depth is bounded before the parser recurses") {
  CHECK(has(text_error("\na = " + std::string(100'000, '[')), "app.toml:2: nests deeper than 32 levels"));
  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  CHECK(has(text_error(dotted + " = 1"), "app.toml:1: nests deeper than 32 levels"));
  CHECK(has(text_error("[" + dotted + "]"), "nests deeper"));
  CHECK(has(text_error("x = [\"\"\"a\"\"\"\", {" + dotted + " = 1}]"), "nests deeper"));
  CHECK(has(text_error("x = ['''a'''', {" + dotted + " = 1}]"), "nests deeper"));
  // Dots and brackets in texts and comments do not count.
  auto const text = "corps.args.x = \"" + std::string(99, '.') + "\\\"" + std::string(99, '[') + "\" # " + std::string(99, '[');
  CHECK(load_text(text).config.get<std::string>("x").size() == 199);
}

TEST_CASE("config: unknown keys name the nearest one (C02)") {
  CHECK(text_error("[limits]\nfrmae = \"64KiB\"") == "app.toml:2: unknown key 'limits.frmae'; did you mean 'limits.frame'?");
  CHECK(has(text_error("request_timeout = \"5s\""), "did you mean 'limits.request_timeout'?"));
  CHECK(has(text_error("[net]\nframe = 1"), "did you mean 'limits.frame'?"));
  CHECK(has(text_error("[limit]"), "app.toml:1: unknown key 'limit'"));
  CHECK(has(text_error("[corps]\narg = { a = 1 }"), "app.toml:2: unknown key 'corps.arg.a'; did you mean 'corps.args'?"));
  CHECK(has(text_error("heartbeat_interval_of_nodes = 1"), "; remove it (`corps config` lists every key)"));
  CHECK(has(text_error(std::string(5'000, 'k') + " = 1"), "unknown key 'kkk"));
  CHECK(text_error(std::string(5'000, 'k') + " = 1").size() < 400);
  CHECK(has(text_error("\"limits.frame\" = \"64KiB\""), "app.toml:1: key 'limits.frame' holds more than letters"));
  CHECK(has(text_error("[corps.args]\n\"a\\nb\" = 1"), "app.toml:2: key 'a\\x0ab' holds more than letters"));
  CHECK(has(text_error("limits.frame.size = 1"), "app.toml:1: limits.frame is a value, not a table; write limits.frame = VALUE"));
  CHECK(text_error("log = \"info\"") == "app.toml:1: log is a table, not a value; write its keys below [log]");
  CHECK(has(text_error("corps.args = 3"), "app.toml:1: corps.args is a table of the application, not a value"));
  // The first fault of the file is the one that is told.
  CHECK(has(text_error("zzz = 1\naaa = 1"), "app.toml:1: unknown key 'zzz'"));
}

TEST_CASE("config: duplicate keys (C02)") {
  CHECK(has(text_error("[corps]\nenvs = 1\nenvs = 2"), "app.toml:3: duplicate key: "));
  CHECK(has(text_error("[corps]\n[log]\n[corps]"), "app.toml:3: "));
  CHECK(has(text_error("corps.envs = 1\n[corps]\nenvs = 2"), "app.toml:"));
  CHECK(has(text_error("corps.args = {a = 1, a = 2}"), "app.toml:1: duplicate key: "));
}

TEST_CASE("config: wrong types (C02)") {
  CHECK(has(text_error("corps.envs = \"2\""), "app.toml:1: corps.envs: is text; write a whole number, 1 to 1_024"));
  CHECK(has(text_error("corps.envs = 2.0"), "corps.envs: is a real number; write a whole number"));
  CHECK(has(text_error("corps.envs = [2]"), "corps.envs: is a list; write"));
  CHECK(has(text_error("corps.envs = true"), "corps.envs: is a boolean; write"));
  CHECK(has(text_error("corps.tag = 5"), "corps.tag: is an integer; write it as text in quotes"));
  CHECK(has(text_error("log.level = false"), "log.level: is a boolean; write it as text in quotes"));
  CHECK(has(text_error("env.threads = \"four\""), "env.threads: is text; write \"auto\" or a whole number, 1 to 1024"));
  CHECK(has(text_error("limits.frame = 2024-01-01"), "limits.frame: is a date or time; write a size such as \"256KiB\""));
  CHECK(has(text_error("limits.stop = [\"5s\"]"), "limits.stop: is a list; write a duration such as \"5s\""));
}

TEST_CASE("config: durations and sizes want a unit (C02)") {
  CHECK(text_error("[limits]\nstop = 5") ==
        "app.toml:2: limits.stop: '5' has no unit; write a whole number and a unit (ns us ms s min h d), such as \"5s\"");
  CHECK(has(text_error("limits.stop = \"5\""), "limits.stop: '5' has no unit"));
  CHECK(has(text_error("limits.stop = \"5 parsecs\""), "limits.stop: '5 parsecs' has the unknown unit 'parsecs'"));
  CHECK(has(text_error("limits.stop = \"5S\""), "unknown unit 'S'"));
  CHECK(has(text_error("limits.stop = \"s\""), "'s' has no number"));
  CHECK(has(text_error("limits.stop = \"\""), "'' has no number"));
  CHECK(has(text_error("limits.stop = \" 5s\""), "has no number"));
  CHECK(has(text_error("limits.stop = \"1.5s\""), "is not a whole number"));
  CHECK(has(text_error("limits.stop = \"-5s\""), "is negative"));
  CHECK(has(text_error("limits.stop = -5"), "is negative"));
  CHECK(has(text_error("limits.stop = \"99999999999999999999s\""), "is too large"));
  CHECK(has(text_error("limits.stop = \"9223372036854775807d\""), "is too large"));
  CHECK(has(text_error("limits.frame = 262144"), "limits.frame: '262144' has no unit; write a whole number and a unit (B KiB"));
  CHECK(has(text_error("limits.frame = \"256kb\""), "unknown unit 'kb'"));
  CHECK(has(text_error("limits.frame = \"256s\""), "unknown unit 's'"));
  CHECK(has(text_error("limits.frame = \"5\\nB\""), "has the unknown unit '\\x0aB'"));
}

TEST_CASE("config: values out of range (C02)") {
  CHECK(text_error("corps.envs = 0") == "app.toml:1: corps.envs: 0 is out of range; allowed is 1 to 1_024");
  CHECK(has(text_error("corps.envs = 1025"), "1_025 is out of range"));
  CHECK(has(text_error("corps.envs = -1"), "-1 is out of range"));
  CHECK(has(text_error("corps.envs = 9223372036854775807"), "is out of range"));
  CHECK(has(text_error("corps.envs = 9223372036854775808"), "app.toml:1: not valid TOML"));
  CHECK(has(text_error("env.threads = 0"), "env.threads: 0 is out of range; allowed is auto, or 1 to 1_024"));
  CHECK(has(text_error("limits.stop = \"0s\""), "limits.stop: 0ns is out of range; allowed is 1ms to 1h"));
  CHECK(has(text_error("limits.request_timeout = \"0ms\""), "out of range"));
  CHECK(has(text_error("limits.request_timeout = \"366d\""), "366d is out of range; allowed is 1ms to 365d"));
  CHECK(has(text_error("limits.frame = \"1B\""), "limits.frame: 1B is out of range; allowed is 4KiB to 16MiB"));
  CHECK(has(text_error("limits.mailbox = 0"), "out of range"));
  CHECK(load_text("limits.spare_threads = 0").settings.limits.spare_threads == 0);
  CHECK(has(text_error("log.level = \"loud\""),
            "log.level: 'loud' is not one of its words; write trace, debug, info, warn, error or off"));
  CHECK(has(text_error("net.carrier = \"automatic\""), "write auto, shm, unix or tcp"));
  CHECK(has(text_error("corps.without_env0 = \"\""), "write exit or serve"));
  CHECK(has(text_error("corps.tag = \"\""), "'' is not a tag; write 1 to 64 characters of A-Z a-z 0-9 _ . -"));
  CHECK(has(text_error("corps.tag = \"a b\""), "is not a tag"));
  CHECK(has(text_error("corps.tag = \"" + std::string(65, 'x') + "\""), "is not a tag"));
  CHECK(has(text_error("log.file = \"a\\u0000b\""), "'a\\x00b' holds a control character; remove it"));
  CHECK(has(text_error("log.file = \"" + std::string(4096, 'x') + "\""), "is longer than 4095 bytes"));
}

TEST_CASE("config: beyond loopback only with TLS is listened on (C02)") {
  auto const listen = [](std::string const& text) { return text_error("net.listen = \"" + text + "\""); };
  CHECK(listen("127.0.0.1:0") == "no error");
  CHECK(listen("127.8.9.10:65535") == "no error");
  CHECK(listen("[::1]:0") == "no error");
  CHECK(listen("") == "no error");
  CHECK(listen("0.0.0.0:7000") ==
        "app.toml:1: net.listen = 0.0.0.0:7000 (app.toml:1) is not a loopback address, and links beyond this host need TLS: set "
        "net.tls_ca, net.tls_certificate and net.tls_key, or listen on \"127.0.0.1:0\" or \"[::1]:0\"");
  CHECK(has(listen("[::]:0"), "links beyond this host need TLS"));
  CHECK(has(listen("192.168.1.5:0"), "links beyond this host need TLS"));
  std::string const tls = "net.tls_ca = \"ca.pem\"\nnet.tls_certificate = \"env.pem\"\nnet.tls_key = \"env.key\"\n";
  CHECK(text_error(tls + "net.listen = \"0.0.0.0:7000\"") == "no error");
  CHECK(text_error(tls + "net.listen = \"[2001:db8::1]:7000\"") == "no error");
  CHECK(has(listen("example.org:80"), "has a host that is no IP address; write host:port"));
  CHECK(has(listen("127.0.0.1.example.org:80"), "has a host that is no IP address"));
  CHECK(has(listen("127.0.0.1:65536"), "has no port from 0 to 65535"));
  CHECK(has(listen("127.0.0.1:-1"), "has no port from"));
  CHECK(has(listen("127.0.0.1:"), "has no port from"));
  CHECK(has(listen("127.0.0.1:http"), "has no port from"));
  CHECK(has(listen("127.0.0.1"), "has no port; write host:port"));
  CHECK(has(listen(":80"), "has no host"));
  CHECK(has(listen("::1:80"), "needs brackets"));
  CHECK(has(listen("[127.0.0.1]:80"), "needs brackets around an IPv6 address, and only there"));
  CHECK(has(listen("[::1:80"), "unbalanced bracket"));
  CHECK(has(listen("127.0.0.1\\u0000x:80"), "has a NUL"));
  auto const endpoint = parse_endpoint("[::1]:7000");
  CHECK(endpoint.host == "::1");
  CHECK(endpoint.port == 7000);
}

TEST_CASE("config: TLS needs all three of its files") {
  CHECK(
      text_error("net.tls_ca = \"/etc/corps/ca.pem\"") ==
      "app.toml:1: net.tls_ca = /etc/corps/ca.pem (app.toml:1) needs net.tls_certificate as well; the rule is all of net.tls_ca, "
      "net.tls_certificate and net.tls_key, or none: set it too");
  CHECK(has(text_error("net.tls_key = \"k\"\nnet.tls_certificate = \"c\""), "needs net.tls_ca as well"));
}

TEST_CASE("config: rules between keys are named (C03)") {
  CHECK(text_error("[limits]\nframe = \"1MiB\"\nmessage = \"512KiB\"") ==
        "app.toml:2: limits.frame = 1MiB (app.toml:2) is more than limits.message = 512KiB (app.toml:3); the rule is "
        "limits.frame <= "
        "limits.message: lower the first or raise the second");
  CHECK(has(text_error("limits.message = \"64KiB\""),
            "app.toml:1: limits.frame = 256KiB (default) is more than limits.message = 64KiB (app.toml:1); the rule is"));
  CHECK(has(text_error("limits.in_flight_per_link = \"64KiB\""), "the rule is limits.frame <= limits.in_flight_per_link"));
  CHECK(has(text_error("limits.handshake = \"20s\""), "the rule is limits.handshake <= limits.boot"));
  CHECK(has(text_error("limits.link_resume = \"500ms\""), "the rule is limits.handshake <= limits.link_resume"));
  CHECK(has(text_error("net.carrier = \"unix\"\nnet.listen = \"127.0.0.1:0\""),
            "app.toml:2: net.listen = 127.0.0.1:0 (app.toml:2) needs TCP, but net.carrier = unix (app.toml:1); the rule is"));
  // Only the result counts: a later layer may repair what an earlier one alone would break.
  CHECK(load_set({"limits.frame=8KiB", "limits.message=64KiB"}).settings.limits.message == 65'536);
}

TEST_CASE("config: values the application cannot be given") {
  CHECK(has(text_error("corps.args.day = 2024-01-01"),
            "app.toml:1: corps.args.day: is a date or time; write it as text in quotes"));
  CHECK(has(text_error("corps.args.a = [1, \"x\"]"), "corps.args.a: mixes types in a list"));
  CHECK(has(text_error("corps.args.a = [[1]]"), "corps.args.a: holds a list in a list"));
  CHECK(has(text_error("[[corps.args.a]]\nb = 1"), "corps.args.a: holds a table in a list"));
  CHECK(has(text_error("corps.args.a = [{}]"), "corps.args.a: holds a table in a list"));
}

}  // namespace config_bad_input_test
