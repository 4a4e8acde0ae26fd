#include "walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

namespace regex_search {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory open_directory(std::string const& path, bool follow_links) {
  int const fd =
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow_links ? 0 : O_NOFOLLOW));
  if (fd < 0) return nullptr;
  Directory directory(::fdopendir(fd));
  if (!directory) ::close(fd);
  return directory;
}

std::string reason_of(int error) { return std::generic_category().message(error); }

bool same(Walk::FileId const& a, Walk::FileId const& b) { return a.device == b.device && a.inode == b.inode; }

enum class Kind { file, directory, other };

/// What a directory entry is, by its own word where the file system gives it.
Kind kind_of(int directory, dirent const& entry, std::optional<Walk::FileId> const& left_out) {
  bool const may_be_left_out = left_out && entry.d_ino == left_out->inode;
  if (entry.d_type != DT_UNKNOWN && !may_be_left_out) {
    return entry.d_type == DT_REG ? Kind::file : entry.d_type == DT_DIR ? Kind::directory : Kind::other;
  }
  struct stat status {};
  // An entry that cannot be looked at goes to the Searcher, who reports why it cannot be opened.
  if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Kind::file;
  if (left_out && same({status.st_dev, status.st_ino}, *left_out)) return Kind::other;
  return S_ISREG(status.st_mode) ? Kind::file : S_ISDIR(status.st_mode) ? Kind::directory : Kind::other;
}

}  // namespace

void Names::add(std::string_view name, bool directory) {
  entries_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint16_t>(name.size()), directory});
  text_ += name;
}

void Names::sort() {
  std::sort(entries_.begin(), entries_.end(), [this](Entry const& a, Entry const& b) { return name_of(a) < name_of(b); });
}

std::string_view Names::keep_half() {
  sort();
  entries_.resize((entries_.size() + 1) / 2);
  std::string text;
  for (Entry& entry : entries_) {
    std::string_view const name = name_of(entry);
    entry.offset = static_cast<std::uint32_t>(text.size());
    text += name;
  }
  text_ = std::move(text);
  return name_of(entries_.back());
}

void Names::clear() { *this = Names(); }

Walk::Walk(std::string root, std::optional<FileId> left_out, std::size_t names_bytes_max)
    : path_(std::move(root)),
      left_out_(left_out),
      names_bytes_max_(std::min<std::size_t>(names_bytes_max, std::numeric_limits<std::uint32_t>::max())) {}

bool Walk::next(Batch& batch) {
  batch.files.clear();
  batch.problems.clear();
  batch.follow_links = false;
  directories_in_batch_ = 0;
  path_bytes_in_batch_ = 0;
  bool const first = !std::exchange(started_, true);
  if (first) start(batch);
  while (!levels_.empty() && batch.files.size() < job_files_max && batch.problems.size() < job_files_max &&
         path_bytes_in_batch_ < job_path_bytes_max && directories_in_batch_ < directories_per_batch_max) {
    step(batch);
  }
  return first || !levels_.empty() || !batch.files.empty() || !batch.problems.empty();
}

void Walk::start(Batch& batch) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    batch.problems.push_back({path_, reason_of(errno)});
  } else if (S_ISDIR(status.st_mode)) {
    while (path_.size() > 1 && path_.ends_with("//")) path_.pop_back();
    enter(batch);
  } else if (S_ISREG(status.st_mode)) {
    ++files_;
    batch.files.push_back(path_);
    batch.follow_links = true;
  } else {
    batch.problems.push_back({path_, "neither a directory nor a regular file"});
  }
}

/// Looks at the next entry of the innermost directory.
void Walk::step(Batch& batch) {
  Level& level = levels_.back();
  path_.resize(level.path_bytes);
  if (level.names.at_end()) {
    if (!level.more || !read_names(level, batch)) levels_.pop_back();
    return;
  }
  bool const directory = level.names.directory();
  path_ += level.names.name();
  if (level.more) level.last = level.names.name();
  level.names.advance();
  if (directory) return enter(batch);
  ++files_;
  path_bytes_in_batch_ += path_.size();
  batch.files.push_back(path_);
}

/// Makes the directory at path_ the innermost one.
void Walk::enter(Batch& batch) {
  Level level;
  level.own_bytes = path_.size();
  if (path_.back() != '/') path_ += '/';
  level.path_bytes = path_.size();
  if (!read_names(level, batch)) return;
  levels_.push_back(std::move(level));
  bound_memory();
}

/// Reads the run of names behind level.last. False if none can be had.
bool Walk::read_names(Level& level, Batch& batch) {
  ++directories_in_batch_;
  level.names.clear();
  level.more = false;
  bool const root = levels_.empty() || &level == &levels_.front();
  std::string const path = path_.substr(0, level.own_bytes);
  auto const fail = [&](std::string reason) {
    batch.problems.push_back({path, std::move(reason)});
    return false;
  };
  Directory const directory = open_directory(path, root);
  if (!directory) {
    bool const replaced = !root && (errno == ELOOP || errno == ENOTDIR);  // by a link or a file since it was listed
    return replaced ? false : fail(reason_of(errno));
  }
  struct stat status {};
  if (::fstat(::dirfd(directory.get()), &status) != 0) return fail(reason_of(errno));
  level.id = {status.st_dev, status.st_ino};
  for (Level const& above : levels_) {
    if (&above != &level && same(above.id, level.id)) return fail("is its own ancestor, so it is left out");
  }
  keep_names(directory.get(), level, batch);
  return true;
}

void Walk::keep_names(DIR* directory, Level& level, Batch& batch) {
  std::string last_kept;  // names behind it are left for the next run
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(directory);
    if (entry == nullptr) break;
    std::string_view const name(entry->d_name);
    if (name == "." || name == ".." || name <= level.last || (level.more && name > last_kept)) continue;
    Kind const kind = kind_of(::dirfd(directory), *entry, left_out_);
    if (kind == Kind::other) continue;
    level.names.add(name, kind == Kind::directory);
    if (level.names.bytes() > names_bytes_max_ / 2 && level.names.size() > 1) {
      last_kept = level.names.keep_half();
      level.more = true;
    }
  }
  if (errno != 0) batch.problems.push_back({path_.substr(0, level.own_bytes), reason_of(errno)});
  level.names.sort();
}

/// Forgets the names of the outermost directories: they are read again when the walk comes back to them.
void Walk::bound_memory() {
  std::size_t bytes = 0;
  for (Level const& level : levels_) bytes += level.names.bytes();
  for (Level& level : levels_) {
    if (bytes <= names_bytes_max_ || &level == &levels_.back()) return;
    if (level.names.at_end()) continue;
    bytes -= level.names.bytes();
    if (!level.more) level.last = level.names.last_passed();
    level.more = true;
    level.names.clear();
  }
}

}  // namespace regex_search
