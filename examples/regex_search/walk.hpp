#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol.hpp"

namespace regex_search {

/// Files in walk order and what could not be walked on the way to them.
struct Batch {
  std::vector<std::string> files;
  std::vector<FileProblem> problems;
  bool follow_links = false;  // the only file is the root itself
};

/// The names of a directory, or a run of them, in byte order and packed.
class Names {
 public:
  struct Entry {
    std::uint32_t offset;
    std::uint16_t size;
    bool directory;
  };

  void add(std::string_view name, bool directory);
  void sort();
  /// Keeps the first half of the names in byte order. Returns the last one kept.
  std::string_view keep_half();
  /// Leaves out what has been passed by and gives the memory back.
  void clear();

  bool at_end() const { return at_ == entries_.size(); }
  bool directory() const { return entries_[at_].directory; }
  std::string_view name() const { return name_of(entries_[at_]); }
  std::string_view last_passed() const { return name_of(entries_[at_ - 1]); }
  void advance() { ++at_; }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return text_.size() + entries_.size() * sizeof(Entry); }

 private:
  std::string_view name_of(Entry const& entry) const { return std::string_view(text_).substr(entry.offset, entry.size); }

  std::string text_;
  std::vector<Entry> entries_;
  std::size_t at_ = 0;
};

/// Walks a tree as `grep -r` does: regular files only; a symbolic link is followed only if it is the root itself; devices, pipes
/// and sockets are passed over. Paths are the root as given, a slash, and the names below it.
///
/// Order: the entries of a directory by the bytes of their names, each directory where its name stands, so that the whole is
/// sorted by path components.
///
/// A directory or entry that cannot be read is a problem and the walk goes on. So is a directory that is its own ancestor (a bind
/// mount), and a path longer than the system opens (PATH_MAX, 4,095 bytes).
///
/// Memory: about twice names_bytes_max at most, whatever the tree. A directory with more names than names_bytes_max / 2 holds
/// (about 250,000 of 24 bytes) is read again for each further run of them, so a million names take a few readings.
///
/// Threads: one Walk serves one thread at a time. Files are not opened. Blocks for the time the file system takes.
class Walk {
 public:
  static constexpr std::size_t names_bytes_max_default = std::size_t{16} << 20;
  /// A call of next() reads at most this many directories, so that it ends soon in a tree without files.
  static constexpr std::size_t directories_per_batch_max = 256;

  /// A file, known by device and inode, that is left out: the one the hits are written to.
  struct FileId {
    dev_t device;
    ino_t inode;
  };

  explicit Walk(std::string root, std::optional<FileId> left_out = std::nullopt,
                std::size_t names_bytes_max = names_bytes_max_default);

  /// Replaces `batch` by the next files, at most job_files_max of at most job_path_bytes_max together. It may be empty of files
  /// though there are more. False, with an empty batch, at the end of the tree.
  bool next(Batch& batch);

  /// Files found so far.
  std::uint64_t files() const { return files_; }

 private:
  struct Level {
    std::size_t own_bytes = 0;   // of the directory's path in path_
    std::size_t path_bytes = 0;  // the same with the slash behind it
    FileId id{};
    Names names;
    std::string last;   // the name behind which to go on when `names` is exhausted and there are more
    bool more = false;  // the directory has names behind those in `names`
  };

  void start(Batch& batch);
  void step(Batch& batch);
  void enter(Batch& batch);
  bool read_names(Level& level, Batch& batch);
  void keep_names(DIR* directory, Level& level, Batch& batch);
  void bound_memory();

  std::string path_;  // of what is being looked at
  std::optional<FileId> left_out_;
  std::size_t names_bytes_max_;
  std::vector<Level> levels_;
  std::uint64_t files_ = 0;
  std::size_t directories_in_batch_ = 0;
  std::size_t path_bytes_in_batch_ = 0;
  bool started_ = false;
};

}  // namespace regex_search
