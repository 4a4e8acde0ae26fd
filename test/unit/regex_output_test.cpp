#include "examples/regex_search/output.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "examples/regex_search/progress.hpp"

namespace regex_output_test {

using namespace std::chrono_literals;
using regex_search::Counts;
using regex_search::Output;
using regex_search::Part;
using regex_search::Progress;

Part part(std::string text, bool done, bool line_open = false) {
  Part made;
  made.text = std::move(text);
  made.done = done;
  made.line_open = line_open;
  return made;
}

using Jobs = std::vector<std::uint64_t>;

TEST_CASE("sorted output waits for the job whose turn it is") {
  Output output(true);
  auto const a = output.open();
  auto const b = output.open();
  output.add(b, part("b1\n", false));
  CHECK(output.take_ready().empty());
  CHECK(output.take_to_continue().empty());
  output.add(a, part("a1\n", false));
  CHECK(output.take_ready() == "a1\n");
  CHECK(output.take_to_continue() == Jobs{a});
  output.add(a, part("a2\n", true));
  CHECK(output.take_ready() == "a2\nb1\n");
  CHECK(output.take_to_continue() == Jobs{b});
  CHECK(output.jobs() == 1);
  output.add(b, part("", true));
  CHECK(output.jobs() == 0);
}

TEST_CASE("unsorted output goes as it comes, but no hit is torn") {
  Output output(false);
  auto const a = output.open();
  auto const b = output.open();
  output.add(b, part("b1\n", false));
  CHECK(output.take_ready() == "b1\n");
  CHECK(output.take_to_continue() == Jobs{b});
  output.add(a, part("a1\na2-", false, true));
  CHECK(output.take_to_continue() == Jobs{a});
  output.add(b, part("b2\n", true));
  CHECK(output.take_ready() == "a1\na2-");
  output.add(a, part("end\n", true));
  CHECK(output.take_ready() == "end\nb2\n");
  CHECK(output.jobs() == 0);
}

TEST_CASE("a job that is given up ends its line and lets the others go on") {
  for (bool const sorted : {true, false}) {
    CAPTURE(sorted);
    Output output(sorted);
    auto const a = output.open();
    auto const b = output.open();
    output.add(a, part("a-", false, true));
    output.add(b, part("b\n", true));
    output.give_up(a);
    CHECK(output.take_ready() == "a-\nb\n");
    CHECK(output.jobs() == 0);
    output.add(a, part("late\n", true));
    output.give_up(a);
    CHECK(output.take_ready().empty());
  }
}

TEST_CASE("whatever the order of answers, sorted output is that of the jobs") {
  std::mt19937 random(3);
  Output output(true);
  std::vector<int> parts_left;
  std::vector<std::uint64_t> asked;
  std::string text;
  std::string wanted;
  std::size_t opened = 0;
  for (int round = 0; round < 5000; ++round) {
    if (opened < 200 && output.jobs() < 8) {
      auto const job = output.open();
      parts_left.push_back(1 + static_cast<int>(random() % 4));
      for (int number = parts_left.back(); number > 0; --number)
        wanted += std::to_string(job) + '.' + std::to_string(number) + '\n';
      asked.push_back(job);
      ++opened;
    }
    if (!asked.empty()) {
      auto const chosen = asked.begin() + static_cast<std::ptrdiff_t>(random() % asked.size());
      auto const job = *chosen;
      asked.erase(chosen);
      int& left = parts_left[job];
      output.add(job, part(std::to_string(job) + '.' + std::to_string(left) + '\n', left == 1));
      --left;
    }
    for (auto const job : output.take_to_continue()) asked.push_back(job);
    text += output.take_ready();
  }
  CHECK(text == wanted);
  CHECK(output.jobs() == 0);
}

TEST_CASE("progress keeps to its interval and to the terminal") {
  Counts done;
  done.files = 50;
  done.bytes = 30'000'000;
  done.hits = 7;
  Progress progress(true, 200, 1s);
  CHECK(progress.update(1s, done, 0, 200, false).empty());
  CHECK(progress.clear().empty());
  CHECK(progress.update(2s, done, 0, 200, false) ==
        "\r[#####               ] 50 of 200+ files, 30.0 MB, 7 hits, 30 MB/s, 3 s left\x1b[K");
  CHECK(progress.update(2s + 99ms, done, 0, 200, false).empty());
  CHECK(progress.update(2s + 100ms, done, 150, 200, true).find("200 of 200 files") != std::string::npos);
  CHECK(progress.clear() == "\r\x1b[K");
  CHECK(progress.clear().empty());

  Progress narrow(true, 20, 0s);
  CHECK(narrow.update(1s, done, 0, 200, false) == "\r[#####             \x1b[K");
  Progress file(false, 80, 0s);
  CHECK(file.update(1s, done, 0, 200, false).empty());
}

TEST_CASE("progress of nothing is no division by nothing") {
  Progress progress(true, 80, 0s);
  CHECK(progress.update(1s, {}, 0, 0, false) == "\r[                    ] 0 of 0+ files, 0.0 MB, 0 hits, 0 MB/s\x1b[K");
  CHECK(regex_search::summary({}, 0, 0s) == "0 hits in 0 files (0 binary), 0.0 MB in 0.00 s, 0 MB/s\n");
}

TEST_CASE("the summary adds up and shows the share of each Env") {
  regex_search::Share first;
  first.counts.files = 3;
  first.counts.binary_files = 1;
  first.counts.bytes = 3'000'000;
  first.counts.hits = 2;
  first.busy = 1500ms;
  regex_search::Share second = first;
  second.env = 1;
  second.counts.bytes = 1'000'000;
  CHECK(regex_search::summary({first, second}, 4, 2s) ==
        "4 hits in 6 files (2 binary), 4.0 MB in 2.00 s, 2 MB/s, 4 could not be read\n"
        "  Env 0          3 files        3.0 MB  75 %        2 hits     1.50 s busy\n"
        "  Env 1          3 files        1.0 MB  25 %        2 hits     1.50 s busy\n");
}

}  // namespace regex_output_test
