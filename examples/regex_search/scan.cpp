#include "scan.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace regex_search {
namespace {

std::string reason_of(int error) { return std::generic_category().message(error); }

class File {
 public:
  File(std::string const& path, bool follow_links)
      // O_NONBLOCK: what was a file when it was listed may be a pipe by now.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow_links ? 0 : O_NOFOLLOW))) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(File const&) = delete;
  File& operator=(File const&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool seek(std::uint64_t offset) const { return ::lseek(fd_, static_cast<off_t>(offset), SEEK_SET) >= 0; }

  /// Reads until `size` bytes are there or the file ends; less than `size` means its end, -1 an error in errno.
  ssize_t read(char* into, std::size_t size) const {
    std::size_t have = 0;
    while (have < size) {
      ssize_t const got = ::read(fd_, into + have, size - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return -1;
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
  }

  /// A file with a hole behind `offset` reads as NUL bytes there, and is binary.
  bool has_hole_behind(std::uint64_t offset) const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= static_cast<off_t>(offset)) return false;
    off_t const hole = ::lseek(fd_, static_cast<off_t>(offset), SEEK_HOLE);
    ::lseek(fd_, static_cast<off_t>(offset), SEEK_SET);
    return hole >= 0 && hole < status.st_size;
  }

 private:
  int fd_;
};

enum class Outcome { finished, part_full };

/// The search of one file: a buffer that slides over it. The cursor belongs to the first byte of rest_.
class FileScan {
 public:
  FileScan(Matcher& matcher, char* buffer, std::string const& path, Cursor& cursor, Part& part)
      : matcher_(matcher), buffer_(buffer), path_(path), cursor_(cursor), part_(part), rest_(buffer, 0) {
    if (cursor.hit_bytes > 0) open_hit_at_ = cursor.offset;
  }

  Outcome run(bool follow_links) {
    try {
      if (read_and_search(follow_links) == Outcome::part_full) return Outcome::part_full;
    } catch (MatchError const& error) {
      problem(error.what());
    }
    close_open_hit();
    return Outcome::finished;
  }

 private:
  Outcome read_and_search(bool follow_links) {
    File const file(path_, follow_links);
    if (!file.is_open() || (cursor_.offset > 0 && !file.seek(cursor_.offset))) {
      bool const became_link = errno == ELOOP && !follow_links;
      if (!became_link) problem(reason_of(errno));
      return Outcome::finished;
    }
    std::uint64_t read_at = cursor_.offset;
    for (bool at_end = false; !at_end;) {
      if (part_.counts.bytes >= part_read_bytes_max) return Outcome::part_full;
      std::size_t const wanted = Scanner::block_bytes - read_at % Scanner::block_bytes;
      char* const fresh = buffer_ + rest_.size();
      ssize_t const got = file.read(fresh, wanted);
      if (got < 0) {
        problem(reason_of(errno));
        return Outcome::finished;
      }
      std::size_t const size = static_cast<std::size_t>(got);
      at_end = size < wanted;
      part_.counts.bytes += size;
      bool const binary = std::memchr(fresh, 0, size) != nullptr || (read_at == 0 && !at_end && file.has_hole_behind(size));
      if (binary) {
        ++part_.counts.binary_files;
        break;
      }
      read_at += size;
      rest_ = {buffer_, rest_.size() + size};
      if (search_rest(at_end) == Outcome::part_full) return Outcome::part_full;
    }
    ++part_.counts.files;
    return Outcome::finished;
  }

  /// Searches the complete lines of rest_ and moves what is left to the front of the buffer.
  Outcome search_rest(bool at_end) {
    skip_cut_line();
    // Only the first line can be too long: what follows its end has come with the last block.
    if (rest_.size() > line_bytes_max && rest_.substr(0, line_bytes_max + 1).find('\n') == rest_.npos) {
      if (search_lines(rest_.substr(0, line_bytes_max), line_cut_mark) == Outcome::part_full) return Outcome::part_full;
      cursor_.in_cut_line = true;
      skip_cut_line();
    }
    std::string_view const complete = at_end ? rest_ : rest_.substr(0, end_of_last_line());
    if (!complete.empty()) {
      std::size_t const newline = complete.back() == '\n' ? 1 : 0;
      if (search_lines(complete.substr(0, complete.size() - newline), "") == Outcome::part_full) return Outcome::part_full;
    }
    if (!at_end) {
      drop(complete.size());
      std::memmove(buffer_, rest_.data(), rest_.size());
      rest_ = {buffer_, rest_.size()};
    }
    return Outcome::finished;
  }

  void skip_cut_line() {
    if (!cursor_.in_cut_line) return;
    std::size_t const newline = rest_.find('\n');
    cursor_.in_cut_line = newline == rest_.npos;
    drop(cursor_.in_cut_line ? rest_.size() : newline + 1);
  }

  std::size_t end_of_last_line() const {
    void const* newline = memrchr(rest_.data(), '\n', rest_.size());
    return newline == nullptr ? 0 : static_cast<std::size_t>(static_cast<char const*>(newline) - rest_.data()) + 1;
  }

  void drop(std::size_t count) {
    cursor_.offset += count;
    cursor_.line += count_newlines(rest_.substr(0, count));
    rest_.remove_prefix(count);
  }

  /// `text` is at the front of rest_: lines without the last newline. `mark` is put behind each hit.
  Outcome search_lines(std::string_view text, std::string_view mark) {
    std::size_t from = 0;
    std::size_t counted = 0;
    std::uint64_t line = cursor_.line;
    while (auto const hit = matcher_.next(text, from)) {
      line += count_newlines(text.substr(counted, hit->begin - counted));
      counted = hit->begin;
      if (put_hit(cursor_.offset + hit->begin, line, text.substr(hit->begin, hit->end - hit->begin), mark) ==
          Outcome::part_full) {
        cursor_.offset += hit->begin;
        cursor_.line = line;
        return Outcome::part_full;
      }
      if (hit->end == text.size()) break;
      from = hit->end + 1;
    }
    return Outcome::finished;
  }

  Outcome put_hit(std::uint64_t offset, std::uint64_t line, std::string_view text, std::string_view mark) {
    if (open_hit_at_ && *open_hit_at_ != offset) close_open_hit();
    std::array<char, 24> number{};
    auto const number_end = std::to_chars(number.data(), number.data() + number.size(), line).ptr;
    std::string_view const digits(number.data(), static_cast<std::size_t>(number_end - number.data()));
    std::size_t const size = path_.size() + digits.size() + text.size() + mark.size() + 3;
    std::size_t const room = part_text_bytes_max - part_.text.size();
    if (size > room && !part_.text.empty()) return Outcome::part_full;
    if (size > part_text_bytes_max) return put_piece(digits, text, mark);
    part_.text.append(path_).append(1, ':').append(digits).append(1, ':').append(text).append(mark).append(1, '\n');
    ++part_.counts.hits;
    return Outcome::finished;
  }

  /// Of a hit that is longer than a Part: what fits of the bytes that have not been sent.
  Outcome put_piece(std::string_view digits, std::string_view text, std::string_view mark) {
    std::string whole(path_);
    whole.append(1, ':').append(digits).append(1, ':').append(text).append(mark).append(1, '\n');
    std::size_t const sent = std::min<std::uint64_t>(cursor_.hit_bytes, whole.size());
    std::size_t const count = std::min(whole.size() - sent, part_text_bytes_max);
    part_.text.append(whole, sent, count);
    part_.line_open = sent + count < whole.size();
    cursor_.hit_bytes = part_.line_open ? sent + count : 0;
    if (part_.line_open) return Outcome::part_full;
    open_hit_at_.reset();
    ++part_.counts.hits;
    return Outcome::finished;
  }

  /// The hit of which a piece was sent is no longer there: the file was changed meanwhile.
  void close_open_hit() {
    if (!open_hit_at_) return;
    part_.text += '\n';
    open_hit_at_.reset();
    cursor_.hit_bytes = 0;
  }

  void problem(std::string reason) { part_.problems.push_back({path_, std::move(reason)}); }

  Matcher& matcher_;
  char* buffer_;
  std::string const& path_;
  Cursor& cursor_;
  Part& part_;
  std::string_view rest_;                     // not yet searched: always within buffer_
  std::optional<std::uint64_t> open_hit_at_;  // offset of the hit of which a piece was sent with the Part before
};

}  // namespace

Scanner::Scanner() : buffer_(new char[buffer_bytes]) {}

Part Scanner::search(Matcher& matcher, Job const& job, Cursor from) {
  Part part;
  part.next = from;
  while (part.next.file < job.files.size()) {
    if (FileScan(matcher, buffer_.get(), job.files[part.next.file], part.next, part).run(job.follow_links) ==
        Outcome::part_full) {
      return part;
    }
    part.next = Cursor{part.next.file + 1, 0, 1, 0, false};
  }
  part.done = true;
  return part;
}

std::size_t count_newlines(std::string_view text) noexcept {
  // Blocks of a fixed size, with counts of one byte each, are what compilers turn into vector instructions.
  constexpr std::size_t lanes = 64;
  constexpr std::size_t rounds_max = 255;
  std::size_t count = 0;
  char const* at = text.data();
  std::size_t left = text.size();
  while (left >= lanes) {
    std::array<std::uint8_t, lanes> sums{};
    for (std::size_t round = 0; round < rounds_max && left >= lanes; ++round, at += lanes, left -= lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] = static_cast<std::uint8_t>(sums[lane] + (at[lane] == '\n'));
    }
    for (std::uint8_t const sum : sums) count += sum;
  }
  for (; left > 0; ++at, --left) count += *at == '\n';
  return count;
}

}  // namespace regex_search
