#include "examples/regex_search/scan.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "examples/regex_search/walk.hpp"
#include "regex_files.hpp"

namespace regex_scan_test {

using regex_search::Counts;
using regex_search::Cursor;
using regex_search::FileProblem;
using regex_search::Job;
using regex_search::line_bytes_max;
using regex_search::line_cut_mark;
using regex_search::Matcher;
using regex_search::Part;
using regex_search::part_text_bytes_max;
using regex_search::Scanner;

constexpr std::size_t block = Scanner::block_bytes;

struct Answer {
  std::string text;
  std::vector<FileProblem> problems;
  Counts counts;
  std::size_t parts = 0;
};

/// Asks until the job is done, each time another Scanner.
Answer ask(std::string const& pattern, std::vector<std::string> files) {
  Job const job{pattern, std::move(files), false};
  Answer answer;
  Cursor cursor;
  bool line_open = false;
  for (bool done = false; !done;) {
    Matcher matcher(pattern);
    Scanner scanner;
    Part part = scanner.search(matcher, job, cursor);
    CHECK(part.text.size() <= part_text_bytes_max);
    CHECK((part.done || !part.text.empty() || part.counts.bytes > 0));
    line_open = part.line_open;
    if (!part.text.empty()) CHECK((part.text.back() == '\n') == !line_open);
    answer.text += part.text;
    answer.problems.insert(answer.problems.end(), part.problems.begin(), part.problems.end());
    answer.counts += part.counts;
    ++answer.parts;
    cursor = part.next;
    done = part.done;
  }
  CHECK_FALSE(line_open);
  return answer;
}

/// The hits in one file, without its path.
std::string hits(TestFiles const& files, std::string const& pattern, std::string_view content) {
  std::string const path = files.add("file", content);
  std::string text = ask(pattern, {path}).text;
  for (std::size_t at = 0; (at = text.find(path + ':', at)) != std::string::npos;) text.erase(at, path.size() + 1);
  return text;
}

TEST_CASE("hits are printed as path:line:text") {
  TestFiles const files;
  std::string const path = files.add("a", "one\ntwo\nthree two\n");
  CHECK(ask("two", {path}).text == path + ":2:two\n" + path + ":3:three two\n");
}

TEST_CASE("empty files, last lines without newline, carriage returns") {
  TestFiles const files;
  CHECK(hits(files, "^", "") == "");
  CHECK(hits(files, "^$", "\n") == "1:\n");
  CHECK(hits(files, "^$", "a\n") == "");
  CHECK(hits(files, "b", "a\nb") == "2:b\n");
  CHECK(hits(files, "^$", "a\n\n\nb") == "2:\n3:\n");
  CHECK(hits(files, "a\\r$", "a\r\na\n") == "1:a\r\n");
  CHECK(hits(files, "", "x\n\ny") == "1:x\n2:\n3:y\n");
}

TEST_CASE("a NUL byte makes a file binary, a late one ends its search") {
  TestFiles const files;
  CHECK(hits(files, "a", std::string("a\n\0a\n", 5)) == "");
  std::string const line(15, 'x');
  std::string text;
  while (text.size() < 2 * block) text += line + '\n';
  text += std::string("\0x\n", 3);
  std::string const path = files.add("late", text);
  Answer const answer = ask("x", {path});
  CHECK(answer.counts.hits == 2 * block / 16);
  CHECK(answer.counts.binary_files == 1);
  CHECK(answer.counts.files == 1);
}

TEST_CASE("a file with a hole behind its first block is binary") {
  TestFiles const files;
  std::string text;
  while (text.size() < block) text += "hit\n";
  std::string const path = files.add("hole", text);
  REQUIRE(::truncate(path.c_str(), 64 << 20) == 0);
  CHECK(ask("hit", {path}).counts.hits == 0);
}

TEST_CASE("lines at the ends of blocks are whole and counted once") {
  TestFiles const files;
  for (std::size_t const size : {block - 2, block - 1, block, block + 1, 2 * block - 1, 2 * block}) {
    CAPTURE(size);
    std::string const long_line(size, 'a');
    CHECK(hits(files, "^(a+|b)$", long_line + "\nb\nc\nb") == "1:" + long_line + "\n2:b\n4:b\n");
    CHECK(hits(files, "b", long_line + "b") == "1:" + long_line + "b\n");
  }
}

TEST_CASE("line numbers are right far into a file") {
  TestFiles const files;
  std::string text;
  for (int line = 1; line <= 200'000; ++line) text += line % 50'000 == 0 ? "hit\n" : "no\n";
  CHECK(hits(files, "hit", text) == "50000:hit\n100000:hit\n150000:hit\n200000:hit\n");
}

TEST_CASE("lines over 1 MiB are matched by their first 1 MiB, cut and marked") {
  TestFiles const files;
  std::string const whole(line_bytes_max, 'a');
  CHECK(hits(files, "a$", whole + "\nb\na") == "1:" + whole + "\n3:a\n");
  CHECK(hits(files, "a$", whole) == "1:" + whole + "\n");
  CHECK(hits(files, "a", whole + "a\nb\na") == "1:" + whole + line_cut_mark + "\n3:a\n");
  CHECK(hits(files, "a", whole + "a") == "1:" + whole + line_cut_mark + "\n");
  CHECK(hits(files, "b|c", whole + std::string(5 * block, 'b') + "\nc\n" + whole + "b\nc") == "2:c\n4:c\n");
  CHECK(hits(files, "^a+$", "a\n" + whole + whole + whole + "b\n" + whole + "b") ==
        "1:a\n2:" + whole + line_cut_mark + "\n3:" + whole + line_cut_mark + "\n");
}

TEST_CASE("many hits travel in many parts, and no part holds more than its limit") {
  TestFiles const files;
  std::string text;
  std::string wanted;
  std::string const path = files.path("many");
  for (int line = 1; text.size() < 3 * part_text_bytes_max; ++line) {
    std::string const content = "hit " + std::string(static_cast<std::size_t>(line % 900), 'x');
    text += content + "\nno\n";
    wanted += path + ':' + std::to_string(2 * line - 1) + ':' + content + '\n';
  }
  files.add("many", text);
  Answer const answer = ask("hit", {path, path});
  CHECK(answer.parts > 4);
  CHECK(answer.text == wanted + wanted);
}

TEST_CASE("a hit that is longer than a part is sent in pieces") {
  TestFiles const files;
  std::string const line(line_bytes_max - 1, 'y');
  std::string const path = files.add("long", "y\n" + line + "\n" + line + "yyy\ny");
  Answer const answer = ask("y", {path});
  CHECK(answer.text ==
        path + ":1:y\n" + path + ":2:" + line + '\n' + path + ":3:" + line + 'y' + line_cut_mark + '\n' + path + ":4:y\n");
  CHECK(answer.counts.hits == 4);
}

TEST_CASE("a file that changes between two parts of one hit leaves a whole line") {
  TestFiles const files;
  std::string const path = files.add("changing", std::string(line_bytes_max, 'y') + "\nno\n");
  Job const job{"y", {path}, false};
  Matcher matcher("y");
  Scanner scanner;
  Part const first = scanner.search(matcher, job, {});
  REQUIRE(first.line_open);
  SUBCASE("no hit is left") {
    files.add("changing", "no\n");
    Part const second = scanner.search(matcher, job, first.next);
    CHECK(second.done);
    CHECK(second.text == "\n");
  }
  SUBCASE("another hit is left") {
    files.add("changing", "no\ny\n");
    Part const second = scanner.search(matcher, job, first.next);
    CHECK(second.done);
    CHECK(second.text == "\n" + path + ":2:y\n");
  }
  SUBCASE("the file is gone") {
    std::filesystem::remove(path);
    Part const second = scanner.search(matcher, job, first.next);
    CHECK(second.done);
    CHECK(second.text == "\n");
    CHECK(second.problems.size() == 1);
  }
}

TEST_CASE("what cannot be searched is reported and the search goes on") {
  TestFiles const files;
  std::string const locked = files.add("locked", "hit\n");
  std::string const endless = files.add("endless", "b\n" + std::string(64, 'a') + "!\nb\n");
  std::string const good = files.add("good", "b\n");
  ::chmod(locked.c_str(), 0);
  WithoutRoot const user;
  Answer const answer = ask("^(a+)+$|b", {files.path("missing"), locked, endless, files.root(), good});
  CHECK(answer.text == endless + ":1:b\n" + good + ":1:b\n");
  REQUIRE(answer.problems.size() == 4);
  CHECK(answer.problems[0].reason == "No such file or directory");
  CHECK(answer.problems[1].path == locked);
  CHECK(answer.problems[1].reason == "Permission denied");
  CHECK(answer.problems[2].path == endless);
  CHECK(answer.problems[2].reason.find("ambiguous") != std::string::npos);
  CHECK(answer.problems[3].reason == "Is a directory");
  CHECK(answer.counts.files == 1);
}

TEST_CASE("a file that became a link or a pipe since it was listed is passed over") {
  TestFiles const files;
  files.add("target", "hit\n");
  std::filesystem::create_symlink("target", files.path("link"));
  REQUIRE(::mkfifo(files.path("pipe").c_str(), 0600) == 0);
  Answer const answer = ask("hit", {files.path("link"), files.path("pipe")});
  CHECK(answer.text.empty());
  CHECK(answer.problems.empty());
  Matcher matcher("hit");
  CHECK(Scanner().search(matcher, Job{"hit", {files.path("link")}, true}, {}).counts.hits == 1);
}

TEST_CASE("a cursor that does not fit its job does no harm") {
  TestFiles const files;
  std::string const path = files.add("a", "hit\n");
  Job const job{"hit", {path}, false};
  Matcher matcher("hit");
  Scanner scanner;
  CHECK(scanner.search(matcher, job, Cursor{7, 0, 1, 0, false}).done);
  CHECK(scanner.search(matcher, job, Cursor{0, ~std::uint64_t{0}, 1, 0, false}).done);
  CHECK(scanner.search(matcher, job, Cursor{0, 1 << 20, 1, 0, true}).done);
  CHECK(scanner.search(matcher, job, Cursor{0, 0, 1, ~std::uint64_t{0}, false}).done);
}

TEST_CASE("newlines are counted at every length") {
  std::string text;
  std::size_t wanted = 0;
  for (std::size_t size = 0; size < 600; ++size) {
    CHECK(regex_search::count_newlines(text) == wanted);
    text += size % 3 == 0 ? '\n' : 'x';
    wanted += size % 3 == 0 ? 1 : 0;
  }
  CHECK(regex_search::count_newlines(std::string(100'000, '\n')) == 100'000);
}

/// Patterns made of pieces that treat newlines, line ends and sets of bytes in many ways.
class Patterns {
 public:
  explicit Patterns(std::mt19937& random) : random_(random) {}

  std::string any() {
    std::string const pattern = alternatives(2);
    switch (below(8)) {
      case 0: return "(?i)" + pattern;
      case 1: return "(?s)" + pattern;
      case 2: return "(?m)" + pattern;
      default: return pattern;
    }
  }

 private:
  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_); }

  template <std::size_t count>
  std::string one_of(char const* const (&choices)[count]) {
    return choices[below(count)];
  }

  std::string byte_class() {
    static constexpr char const* items[] = {"a",   "b",         "0-9",       "\\s",   "\\w", "\\S", "\\W", "\\D",
                                            "\\n", "[:alpha:]", "[:space:]", "\\x0a", "\\h", "A-Z", "#"};
    std::string text = below(2) == 0 ? "[^" : "[";
    for (std::size_t count = 1 + below(3); count > 0; --count) text += one_of(items);
    return text + ']';
  }

  std::string atom(int depth) {
    static constexpr char const* bytes[] = {"a", "b", "A", " ", "0", "#", "-", ".", "\\r", "\\t"};
    static constexpr char const* sets[] = {"\\s", "\\S", "\\w", "\\W", "\\d", "\\D",   "\\h",
                                           "\\H", "\\v", "\\V", "\\N", "\\n", "\\x0a", "\\R"};
    static constexpr char const* ends[] = {"^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G"};
    static constexpr char const* heads[] = {"(", "(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?s:", "(?-m:", "(?<n>"};
    switch (below(depth > 0 ? 6 : 5)) {
      case 0:
      case 1: return one_of(bytes);
      case 2: return one_of(sets);
      case 3: return one_of(ends);
      case 4: return byte_class();
      default: break;
    }
    std::string const head = one_of(heads);
    return head + alternatives(depth - 1) + ')';
  }

  std::string sequence(int depth) {
    static constexpr char const* repeats[] = {"", "", "", "*", "+", "?", "{2}", "*+", "+?", "{0,1}"};
    std::string text;
    for (std::size_t count = below(4); count > 0; --count) {
      text += atom(depth);  // one after the other: the same patterns from every compiler
      text += one_of(repeats);
    }
    return text;
  }

  std::string alternatives(int depth) {
    std::string text = sequence(depth);
    for (std::size_t more = below(3); more > 1; --more) text += '|' + sequence(depth);
    return text;
  }

  std::mt19937& random_;
};

std::set<std::string> lines_of(std::string const& text) {
  std::set<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t const end = text.find('\n', at);
    lines.insert(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

struct GrepAnswer {
  bool refused = false;  // the pattern is none for it
  bool gave_up = false;  // it met PCRE's limits on some line
  std::string text;
};

GrepAnswer grep(TestFiles const& files, std::string const& pattern, std::string const& tree) {
  std::string const pattern_file = files.add("pattern", pattern + '\n');
  std::string const command = "LC_ALL=C grep -rnIP -f " + pattern_file + ' ' + tree + " 2>&1";
  FILE* const out = ::popen(command.c_str(), "r");
  REQUIRE(out != nullptr);
  std::string text;
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, out)) > 0;) text.append(buffer, got);
  int const status = ::pclose(out);
  bool const trouble = status != 0 && WEXITSTATUS(status) != 1;
  bool const gave_up = trouble && text.find("exceeded PCRE's") != std::string::npos;
  return {trouble && !gave_up, gave_up, std::move(text)};
}

TEST_CASE("random patterns over random files find what grep finds") {
  if (std::system("grep -P x /dev/null >/dev/null 2>&1; test $? -eq 1") != 0) {
    MESSAGE("no grep -P here to compare with");
    return;
  }
  unsigned const seed = 20'260'101;
  CAPTURE(seed);
  std::mt19937 random(seed);
  TestFiles const files;
  std::string const bytes =
      "ab \t-_0f\r#\v\xe9"
      "A\n\n\n";
  for (int file = 0; file < 30; ++file) {
    std::string content(std::uniform_int_distribution<std::size_t>(0, 120)(random), ' ');
    for (char& byte : content) byte = bytes[random() % bytes.size()];
    files.add("tree/" + std::to_string(file), content);
  }
  Patterns patterns(random);
  int compared = 0;
  for (int round = 0; round < 300; ++round) {
    std::string const pattern = patterns.any();
    CAPTURE(pattern);
    auto const wanted = grep(files, pattern, files.path("tree"));
    if (wanted.gave_up) continue;
    if (wanted.refused) {
      CHECK_THROWS_AS(Matcher{pattern}, regex_search::PatternError);
      continue;
    }
    ++compared;
    regex_search::Walk walk(files.path("tree"));
    regex_search::Batch batch;
    std::string found;
    while (walk.next(batch)) found += ask(pattern, batch.files).text;
    CHECK(lines_of(found) == lines_of(wanted.text));
  }
  CHECK(compared > 100);
}

}  // namespace regex_scan_test
