#include "examples/regex_search/walk.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "regex_files.hpp"

namespace regex_walk_test {

using regex_search::Batch;
using regex_search::FileProblem;
using regex_search::Walk;

struct Walked {
  std::vector<std::string> files;
  std::vector<FileProblem> problems;
};

Walked all_of(Walk walk) {
  Walked walked;
  Batch batch;
  while (walk.next(batch)) {
    CHECK(batch.files.size() <= regex_search::job_files_max);
    walked.files.insert(walked.files.end(), batch.files.begin(), batch.files.end());
    walked.problems.insert(walked.problems.end(), batch.problems.begin(), batch.problems.end());
  }
  CHECK(batch.files.empty());
  CHECK(walk.files() == walked.files.size());
  CHECK_FALSE(walk.next(batch));
  return walked;
}

/// The paths found, without the root and its slash, each with a space behind.
std::string names_of(Walked const& walked, std::string const& root) {
  std::string names;
  for (std::string const& file : walked.files) {
    REQUIRE(file.starts_with(root + '/'));
    names += file.substr(root.size() + 1) + ' ';
  }
  return names;
}

class InDirectory {
 public:
  explicit InDirectory(std::string const& path) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  ~InDirectory() { std::filesystem::current_path(before_); }
  InDirectory(InDirectory const&) = delete;
  InDirectory& operator=(InDirectory const&) = delete;

 private:
  std::filesystem::path before_;
};

TEST_CASE("files come in byte order of the names in each directory") {
  TestFiles const files;
  for (char const* name : {"b", "a/z", "a/b/c", "a.h", "a-b", "B", "a/b.c", "\xff", "\xc3\xa9", ".hidden", "a/a b"})
    files.add(name, "");
  CHECK(names_of(all_of(Walk(files.root())), files.root()) == ".hidden B a/a b a/b/c a/b.c a/z a-b a.h b \xc3\xa9 \xff ");
}

TEST_CASE("paths begin with the root as it was given") {
  TestFiles const files;
  files.add("d/f", "");
  InDirectory const here(files.root());
  for (auto const& [root, path] : std::vector<std::pair<std::string, std::string>>{{".", "./d/f"},
                                                                                   {"./", "./d/f"},
                                                                                   {"d", "d/f"},
                                                                                   {"d/", "d/f"},
                                                                                   {"d//", "d/f"},
                                                                                   {"./d", "./d/f"},
                                                                                   {"d/../d", "d/../d/f"},
                                                                                   {files.root(), files.root() + "/d/f"},
                                                                                   {"d/f", "d/f"}}) {
    CAPTURE(root);
    CHECK(all_of(Walk(root)).files == std::vector{path});
  }
}

TEST_CASE("links are followed only as the root") {
  TestFiles const files;
  files.add("real/f", "");
  std::filesystem::create_directory_symlink("real", files.path("link"));
  std::filesystem::create_directory_symlink("..", files.path("real/up"));
  std::filesystem::create_symlink("f", files.path("real/f_link"));
  std::filesystem::create_symlink("nowhere", files.path("dangling"));
  std::filesystem::create_symlink("loop", files.path("loop"));
  std::filesystem::create_symlink("real/f", files.path("file_link"));
  CHECK(names_of(all_of(Walk(files.root())), files.root()) == "real/f ");
  CHECK(all_of(Walk(files.path("link"))).files == std::vector{files.path("link/f")});
  CHECK(all_of(Walk(files.path("link/"))).files == std::vector{files.path("link/f")});
  CHECK(all_of(Walk(files.path("dangling"))).problems.at(0).reason == "No such file or directory");
  CHECK(all_of(Walk(files.path("loop"))).problems.at(0).reason == "Too many levels of symbolic links");
  Batch batch;
  REQUIRE(Walk(files.path("file_link")).next(batch));
  CHECK(batch.files == std::vector{files.path("file_link")});
  CHECK(batch.follow_links);
}

TEST_CASE("only regular files") {
  TestFiles const files;
  files.add("f", "");
  REQUIRE(::mkfifo(files.path("pipe").c_str(), 0600) == 0);
  CHECK(names_of(all_of(Walk(files.root())), files.root()) == "f ");
  CHECK(all_of(Walk(files.path("pipe"))).problems.at(0).reason == "neither a directory nor a regular file");
}

TEST_CASE("what cannot be read is reported and the walk goes on") {
  TestFiles const files;
  files.add("a/f", "");
  files.add("locked/f", "");
  files.add("z", "");
  ::chmod(files.path("locked").c_str(), 0);
  {
    WithoutRoot const user;
    Walked const walked = all_of(Walk(files.root()));
    CHECK(names_of(walked, files.root()) == "a/f z ");
    REQUIRE(walked.problems.size() == 1);
    CHECK(walked.problems[0].path == files.path("locked"));
    CHECK(walked.problems[0].reason == "Permission denied");
  }
  ::chmod(files.path("locked").c_str(), 0755);
  CHECK(all_of(Walk(files.path("missing"))).problems.at(0).path == files.path("missing"));
  CHECK(all_of(Walk("")).problems.at(0).reason == "No such file or directory");
}

TEST_CASE("empty trees and trees of directories end") {
  TestFiles const files;
  CHECK(all_of(Walk(files.root())).files.empty());
  for (int number = 0; number < 700; ++number) std::filesystem::create_directory(files.path(std::to_string(number)));
  CHECK(all_of(Walk(files.root())).files.empty());
}

TEST_CASE("any byte but the slash can be in a name") {
  TestFiles const files;
  files.add("new\nline", "");
  files.add("tab\t\x01\xff", "");
  CHECK(names_of(all_of(Walk(files.root())), files.root()) == "new\nline tab\t\x01\xff ");
}

TEST_CASE("a path that is too long to be opened is reported") {
  TestFiles const files;
  std::string const name(250, 'd');
  {
    InDirectory const here(files.root());
    for (int depth = 0; depth < 20; ++depth) {
      REQUIRE(::mkdir(name.c_str(), 0755) == 0);
      REQUIRE(::chdir(name.c_str()) == 0);
    }
  }
  files.add("z", "");
  Walked const walked = all_of(Walk(files.root()));
  CHECK(names_of(walked, files.root()) == "z ");
  REQUIRE(walked.problems.size() == 1);
  CHECK(walked.problems[0].reason == "File name too long");
}

TEST_CASE("the file the hits go to is left out") {
  TestFiles const files;
  files.add("a", "");
  std::string const out = files.add("out", "");
  struct stat status {};
  REQUIRE(::stat(out.c_str(), &status) == 0);
  CHECK(names_of(all_of(Walk(files.root(), Walk::FileId{status.st_dev, status.st_ino})), files.root()) == "a ");
}

TEST_CASE("with little memory the same files come in the same order") {
  TestFiles const files;
  std::mt19937 random(7);
  for (int file = 0; file < 3000; ++file) {
    std::string path;
    for (auto depth = random() % 4; depth > 0; --depth) path += "d" + std::to_string(random() % 5) + '/';
    files.add(path + std::to_string(random() % 100'000), "");
  }
  std::vector<std::string> const wanted = all_of(Walk(files.root())).files;
  CHECK(wanted.size() > 2500);
  for (std::size_t const names_bytes_max : {std::size_t{0}, std::size_t{100}, std::size_t{1000}, std::size_t{20'000}}) {
    CAPTURE(names_bytes_max);
    CHECK(all_of(Walk(files.root(), std::nullopt, names_bytes_max)).files == wanted);
  }
}

}  // namespace regex_walk_test
