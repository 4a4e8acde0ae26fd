// What `corps links PID` says: for people one line a link, for programs one object.

#include <unistd.h>

#include <algorithm>

#include "env/mgr/internal/links_report.hpp"
#include "env/net/internal/dump_socket.hpp"
#include "test/unit/runtime_kit.hpp"

namespace links_report_test {

using corps::mgr::LinksReport;
using corps::net::LinkSeen;
using corps::net::Question;

constexpr std::int64_t second = 1'000'000'000;

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string line_of(std::string const& text, std::size_t number) {
  std::size_t begin = 0;
  for (; number > 0; --number) begin = text.find('\n', begin) + 1;
  auto line = text.substr(begin, text.find('\n', begin) - begin);
  // As read: the columns are as wide as they must be.
  line.erase(std::unique(line.begin(), line.end(), [](char a, char b) { return a == ' ' && b == ' '; }), line.end());
  return line;
}

/// At second 100: one that is connected, one that is being restored, and one whose Env has ended.
LinksReport three() {
  LinksReport report{"shop", 0, 4711, "2026-11-23 08:21:40", 100 * second, {}};
  LinkSeen up;
  up.peer = {1, 1};
  up.state = LinkSeen::State::connected;
  up.since_ns = 98 * second;
  up.restored = 2;
  up.restored_ns = 98 * second;
  up.open_calls = 3;
  up.sent = {{12, 960}, 80, 64 << 20};
  up.received = {{11, 900}, 8, 64 << 20};
  up.carrier = {"tls", "tls:192.0.2.7:4711", 0, 99'500'000'000};
  up.wire_version = 4;
  LinkSeen resuming;
  resuming.peer = {2, 1};
  resuming.state = LinkSeen::State::resuming;
  resuming.since_ns = 99 * second;
  LinkSeen ended;
  ended.peer = {3, 1};
  ended.state = LinkSeen::State::ended;
  ended.since_ns = 40 * second;
  ended.gone = "killed by \"signal 9\"";
  report.rows = {{"north", up}, {"north", resuming}, {"", ended}};
  return report;
}

TEST_CASE("links are shown one a line, with what is not known as a dash") {
  auto const text = corps::mgr::as_text(three());
  CAPTURE(text);
  CHECK(line_of(text, 0) == "links of env 0 of shop (process 4711), 2026-11-23 08:21:40");
  CHECK(
      line_of(text, 1) ==
      "env epoch host state for carrier restored last heard calls frames out bytes out unacked out frames in bytes in unacked in "
      "wire version endpoint");
  CHECK(line_of(text, 2) ==
        "1 1 north connected 2.000 s tls 2 2.000 s ago 0.500 s ago 3 12 960 80 of 64MiB 11 900 8 of 64MiB 4 tls:192.0.2.7:4711");
  CHECK(line_of(text, 3) == "2 1 north resuming 1.000 s - 0 - - 0 0 0 0 of 0B 0 0 0 of 0B - -");
  CHECK(line_of(text, 4) == "3 1 - ended 60.000 s - 0 - - 0 0 0 0 of 0B 0 0 0 of 0B - killed by \"signal 9\"");
  CHECK(std::ranges::count(text, '\n') == 5);
}

TEST_CASE("the JSON of links has null for what is not known") {
  auto const json = corps::mgr::as_json(three());
  CAPTURE(json);
  CHECK(line_of(json, 0) ==
        "[{\"env\":1,\"epoch\":1,\"host\":\"north\",\"state\":\"connected\",\"state_seconds\":2.000000,\"how_ended\":null,"
        "\"carrier\":\"tls\",\"endpoint\":\"tls:192.0.2.7:4711\",\"process\":null,\"wire_version\":4,\"restored\":2,"
        "\"restored_seconds_ago\":2.000000,\"heard_seconds_ago\":0.500000,\"open_calls\":3,"
        "\"sent\":{\"frames\":12,\"bytes\":960,\"unacknowledged_bytes\":80,\"credit_bytes\":67108864},"
        "\"received\":{\"frames\":11,\"bytes\":900,\"unacknowledged_bytes\":8,\"credit_bytes\":67108864}},");
  CHECK(has(json, "\"state\":\"resuming\",\"state_seconds\":1.000000,\"how_ended\":null,\"carrier\":null,\"endpoint\":null,"));
  CHECK(has(json, "\"host\":null,\"state\":\"ended\",\"state_seconds\":60.000000,\"how_ended\":\"killed by \\\"signal 9\\\"\","));
  CHECK(json.ends_with("}}]\n"));
}

TEST_CASE("an Env that is alone has no links") {
  runtime_kit::Running corps;
  CHECK(corps::net::ask_process(::getpid(), {Question::Subject::links, true}) == "[]\n");
  auto const text = corps::net::ask_process(::getpid(), {Question::Subject::links, false});
  CHECK(text.starts_with("links of env 0 of "));
  CHECK(text.ends_with("\nnone\n"));
}

TEST_CASE("where no links can be shown, the reason is said") {
  try {
    (void)corps::net::ask_process(::getpid(), {Question::Subject::links, false});
    FAIL("there is no Corps");
  } catch (corps::Refused const& error) {
    CHECK(has(error.text(), "no links can be shown: process "));
    CHECK(has(error.text(), " is no Corps, or one that is just starting or ending"));
  }
}

}  // namespace links_report_test
