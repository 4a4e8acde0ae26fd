#include "examples/regex_search/matcher.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "examples/regex_search/line_pattern.hpp"

namespace regex_matcher_test {

using regex_search::many_lines_form;
using regex_search::Matcher;
using regex_search::MatchError;
using regex_search::PatternError;

/// The lines of `text` that match, each behind a '|'.
std::string matching(std::string_view pattern, std::string_view text) {
  Matcher matcher(pattern);
  std::string found;
  std::size_t from = 0;
  while (auto const line = matcher.next(text, from)) {
    found.append(1, '|').append(text.substr(line->begin, line->end - line->begin));
    if (line->end == text.size()) break;
    from = line->end + 1;
  }
  return found;
}

std::string reason_of(std::string_view pattern) {
  try {
    Matcher const matcher(pattern);
  } catch (PatternError const& error) {
    return error.what();
  }
  return "no error";
}

TEST_CASE("a line is found with its begin and end") {
  Matcher matcher("b+");
  auto const line = matcher.next("aaa\nabba\nccc\nb", 0);
  REQUIRE(line);
  CHECK(line->begin == 4);
  CHECK(line->end == 8);
  auto const next = matcher.next("aaa\nabba\nccc\nb", 9);
  REQUIRE(next);
  CHECK(next->begin == 13);
  CHECK(next->end == 14);
  CHECK_FALSE(matcher.next("aaa\nccc", 0));
}

TEST_CASE("nothing of a pattern reaches into a neighbour line") {
  CHECK(matching("^\\s*#", "\n\n #x") == "| #x");
  CHECK(matching("a\\s+b", "a\nb\na b") == "|a b");
  CHECK(matching("a[^x]b", "a\nb\naxb\na-b") == "|a-b");
  CHECK(matching("a\\Wb", "a\nb\na-b") == "|a-b");
  CHECK(matching("a\\Db", "a\nb\na-b") == "|a-b");
  CHECK(matching("(?s)a.b", "a\nb\na-b") == "|a-b");
  CHECK(matching("(?s)a.*b", "a\nb\naxxb") == "|axxb");
  CHECK(matching("(?s:a.)b|c", "a\nb\nc") == "|c");
  CHECK(matching("a\\nb", "a\nb") == "");
  CHECK(matching("a\\x0ab", "a\nb") == "");
  CHECK(matching("a[\\n]?b", "a\nb\nab") == "|ab");
  CHECK(matching("a(?!\\s*b)", "a\nb") == "|a");
  CHECK(matching("(?<!\\s)b", "a\nb\n b") == "|b");
  CHECK(matching("(?<=a\\s)b", "a\nb\na b") == "|a b");
  CHECK(matching("a\\s++$", "a  \n\nb") == "|a  ");
  CHECK(matching("a\\R", "a\r\na\nb") == "|a\r");
}

TEST_CASE("the ends of a line are the ends of the text") {
  CHECK(matching("^a", "ba\nab\na") == "|ab|a");
  CHECK(matching("a$", "ba\nab\na") == "|ba|a");
  CHECK(matching("\\Aa", "ba\nab\na") == "|ab|a");
  CHECK(matching("a\\z", "ba\nab\na") == "|ba|a");
  CHECK(matching("a\\Z", "ba\nab\na") == "|ba|a");
  CHECK(matching("\\Ga", "ba\nab") == "|ab");
  CHECK(matching("(?m)^a$", "ba\na\nab") == "|a");
  CHECK(matching("(?-m)^a", "b\na") == "|a");
  CHECK(matching("\\ba\\b", "xa\na\nax") == "|a");
  CHECK(matching("a\\r?$", "a\r\nb\na") == "|a\r|a");
  CHECK(matching("a$", "a\r\na") == "|a");
}

TEST_CASE("empty lines and empty matches") {
  CHECK(matching("^$", "") == "|");
  CHECK(matching("^$", "a\n\nb\n") == "||");
  CHECK(matching("^$", "\n\n") == "|||");
  CHECK(matching("", "a\n\nb") == "|a||b");
  CHECK(matching("x*", "a\n\nxx") == "|a||xx");
  CHECK(matching("^\\s*$", "a\n \n\t\n") == "| |\t|");
  CHECK(matching("\\B", "\na") == "|");
}

TEST_CASE("bytes, not characters") {
  CHECK(matching("^.$", "\xe9\n\xc3\xa9") == "|\xe9");
  CHECK(matching("^..$", "\xc3\xa9") == "|\xc3\xa9");
  CHECK(matching("\\w", "\xe9") == "");
  CHECK(matching("(?i)\xc3\x89", "\xc3\xa9") == "");
  CHECK(matching("[\\x80-\\xff]", "a\n\xfe") == "|\xfe");
  CHECK(reason_of("(*UTF)a").find("at byte") != std::string::npos);
}

TEST_CASE("caseless, groups, references, names, verbs") {
  CHECK(matching("(?i)FOO", "foo\nFoO\nfo") == "|foo|FoO");
  CHECK(matching("(?i:F)oo", "foo\nfOO") == "|foo");
  CHECK(matching("(?i)[^a]x", "ax\nAx\nbx") == "|bx");
  CHECK(matching("(a|b)c\\1", "aca\nacb\nbcb") == "|aca|bcb");
  CHECK(matching("(?<n>a)\\k<n>", "aa\nab") == "|aa");
  CHECK(matching("a\\Kb", "ab\nb") == "|ab");
  CHECK(matching("a(*COMMIT)b|ac", "ac\nab") == "|ab");
  CHECK(matching("(?x) a b # c", "ab\na b") == "|ab");
  CHECK(matching("a\\Q.\\Eb", "a.b\naxb") == "|a.b");
  CHECK(matching("\\x4(?s)1",
                 "A\n\x04"
                 "1") ==
        "|\x04"
        "1");
}

TEST_CASE("what is rewritten and what is left to the way line by line") {
  CHECK(many_lines_form("^\\s*#") == "^[^\\S\\n]*#");
  CHECK(many_lines_form("[^x]") == "[^\\x0a\\x78]");
  CHECK(many_lines_form("[]a]") == "[\\x5d\\x61]");
  CHECK(many_lines_form("[a-c-]") == "[\\x2d\\x61-\\x63]");
  CHECK(many_lines_form("\\Aa\\z") == "(?:^)a(?:$)");
  CHECK(many_lines_form("(?is)a.") == "(?im-s)a.");
  for (char const* pattern :
       {"\\Ga", "a\\R", "\\p{L}", "(*COMMIT)a", "(?R)", "(?<n>a)", "(?x)a", "a\\Kb", "\\Qa\\E", "\\12", "[[:<:]]"}) {
    CAPTURE(pattern);
    CHECK_FALSE(many_lines_form(pattern));
  }
}

TEST_CASE("a wrong pattern is refused with the place and the reason") {
  CHECK(reason_of("a(b") == "pattern is wrong at byte 3: missing closing parenthesis");
  CHECK(reason_of("[a") == "pattern is wrong at byte 2: missing terminating ] for character class");
  CHECK(reason_of("a\nb") == "pattern has a newline at byte 1; it is matched line by line, so give one pattern without newlines");
  CHECK(reason_of("\\") == "pattern is wrong at byte 1: \\ at end of pattern");
  CHECK(reason_of(std::string(Matcher::pattern_bytes_max + 1, 'a')).find("the limit is 65536") != std::string::npos);
}

TEST_CASE("a pattern that backtracks without end is an error of the line, and the matcher goes on") {
  Matcher matcher("^(a+)+$|b");
  std::string const endless = "b\n" + std::string(64, 'a') + "!";
  auto const first = matcher.next(endless, 0);
  REQUIRE(first);
  CHECK(first->end == 1);
  CHECK_THROWS_AS(matcher.next(endless, 2), MatchError);
  CHECK(matcher.next("a\nb", 0));
}

TEST_CASE("a match that needs much stack ends in an answer or an error") {
  Matcher matcher("^(?:(a)|b|(c))*+$");
  std::string const text(regex_search::Matcher::matcher_stack_bytes_max, 'a');
  try {
    CHECK(matcher.next(text, 0));
  } catch (MatchError const& error) {
    CHECK(std::string_view(error.what()).find("ambiguous") != std::string_view::npos);
  }
}

}  // namespace regex_matcher_test
