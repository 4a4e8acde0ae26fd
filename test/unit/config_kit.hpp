#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corps/error.hpp"
#include "env/boot/internal/command_line.hpp"
#include "env/boot/internal/layers.hpp"

/// What the tests of the configuration share.
namespace config_kit {

using namespace corps::startup;
using Strings = std::vector<std::string>;

/// A folder of its own for each test, gone with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "corps_config_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(Folder const&) = delete;
  Folder& operator=(Folder const&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string path(std::string const& name) const { return (path_ / name).string(); }
  std::string write(std::string const& name, std::string_view bytes) const {
    std::ofstream{path_ / name, std::ios::binary} << bytes;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string config_error(std::function<void()> const& action) {
  try {
    action();
  } catch (corps::ConfigError const& error) {
    CHECK_FALSE(error.may_have_run());
    CHECK(error.text().find('\n') == std::string::npos);
    return error.text();
  }
  return "no error";
}

inline Loaded load_text(std::string_view text) {
  Layers layers;
  layers.add_text(text, "app.toml");
  return layers.finish("/usr/bin/program", {});
}

inline std::string text_error(std::string_view text) {
  return config_error([&] { load_text(text); });
}

inline CommandLine with_files(Strings files) {
  CommandLine line;
  line.program = "./program";
  line.config_files = std::move(files);
  return line;
}

inline std::string file_error(std::string const& file) {
  return config_error([&] { load(with_files({file}), {}); });
}

inline Loaded load_set(Strings const& sets, Strings const& environment = {}) {
  CommandLine line = with_files({});
  for (auto const& text : sets) line.options.push_back({text, "--set"});
  return load(line, environment);
}

inline std::string set_error(std::string const& text) {
  return config_error([&] { load_set({text}); });
}

inline std::string environment_error(Strings const& environment) {
  return config_error([&] { load_set({}, environment); });
}

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace config_kit
