#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

/// A directory of files for one test, removed at its end.
class TestFiles {
 public:
  TestFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "regex_test_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory for a test can be made in " + name);
    ::chmod(name.c_str(), 0755);
    root_ = name;
  }
  ~TestFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TestFiles(TestFiles const&) = delete;
  TestFiles& operator=(TestFiles const&) = delete;

  std::string const& root() const { return root_; }
  std::string path(std::string_view name) const { return root_ + '/' + std::string(name); }

  std::string add(std::string_view name, std::string_view content) const {
    std::string const file = path(name);
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream out(file, std::ios::binary);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
    return file;
  }

 private:
  std::string root_;
};

/// Runs as a user without rights over foreign files for a while, if the tests run as root.
class WithoutRoot {
 public:
  WithoutRoot() : was_root_(::geteuid() == 0) {
    if (was_root_ && ::seteuid(65534) != 0) throw std::runtime_error("cannot leave root");
  }
  ~WithoutRoot() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }
  WithoutRoot(WithoutRoot const&) = delete;
  WithoutRoot& operator=(WithoutRoot const&) = delete;

 private:
  bool was_root_;
};
