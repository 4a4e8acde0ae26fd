#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "walk.hpp"

namespace regex_search {

/// Where hits, complaints and progress go: stdout and stderr of this process. Threads: one at a time.
class Terminal {
 public:
  Terminal();

  bool shows_progress() const noexcept { return shows_progress_; }
  std::size_t columns() const noexcept { return columns_; }
  /// The file that stdout is, if it is one: it must not be searched for what is written to it.
  std::optional<Walk::FileId> output_file() const noexcept { return output_file_; }

  /// False when nobody reads stdout any more. Blocks as long as the reader takes.
  bool print(std::string_view hits);
  void say(std::string_view text);

 private:
  bool shows_progress_;
  std::size_t columns_;
  std::optional<Walk::FileId> output_file_;
};

}  // namespace regex_search
