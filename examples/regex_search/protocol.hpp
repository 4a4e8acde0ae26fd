#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What travels between the asking side and the Searchers: plain aggregates and the limits that bound them.
///
/// One request, `search(job, cursor) -> Part`, does everything. The first request carries an empty Cursor; while a Part is not
/// `done`, the next request carries the same Job and the cursor of that Part. A Searcher keeps nothing between two requests, so
/// any Searcher in any Env can go on where another one stopped, and a file with gigabytes of hits is held nowhere.
namespace regex_search {

// ---- limits ----

/// Longer lines are matched and printed by their first 1 MiB.
inline constexpr std::size_t line_bytes_max = std::size_t{1} << 20;
/// What is appended to the text of such a line.
inline constexpr char line_cut_mark[] = "[line cut at 1 MiB]";
/// One answer, everything in it counted.
inline constexpr std::size_t part_bytes_max = std::size_t{1} << 20;
/// Hits in one answer. The rest of the answer is room for the problems of one job.
inline constexpr std::size_t part_text_bytes_max = part_bytes_max - (std::size_t{256} << 10);
/// A request that has read this much ends with a cursor, so that a huge file without hits stays within the deadline and does
/// not keep its thread from others for long.
inline constexpr std::size_t part_read_bytes_max = std::size_t{4} << 20;
/// Files in one job, and the bytes of their paths together (a single longer path makes a job of its own).
inline constexpr std::size_t job_files_max = 64;
inline constexpr std::size_t job_path_bytes_max = std::size_t{64} << 10;
/// Jobs handed out and not yet written: each may hold one Part at the asking side.
inline constexpr std::size_t jobs_in_flight_max = 32;

static_assert(part_read_bytes_max >= 4 * line_bytes_max, "a request must get further than the line it begins in");
static_assert(part_text_bytes_max > 0 && part_text_bytes_max < part_bytes_max);
static_assert(job_path_bytes_max + job_files_max * 1024 <= part_bytes_max - part_text_bytes_max,
              "the problems of a job (its paths, each with a reason) must fit beside the hits");

// ---- what travels ----

/// A file or directory that could not be searched.
struct FileProblem {
  std::string path;
  std::string reason;
};

/// Files to search, in walk order.
struct Job {
  std::string pattern;
  std::vector<std::string> files;
  bool follow_links = false;  // only for a file named on the command line
};

/// Where in a Job to go on.
struct Cursor {
  std::uint32_t file = 0;       // index in Job::files
  std::uint64_t offset = 0;     // of a line start in that file, unless `in_cut_line`
  std::uint64_t line = 1;       // number of the line at `offset`
  std::uint64_t hit_bytes = 0;  // of the hit at `offset` that have been sent: a hit may be longer than a Part
  bool in_cut_line = false;     // `offset` is within the rest of a line that was cut
};

/// What was done, to be added up.
struct Counts {
  std::uint64_t files = 0;         // searched to their end, binary ones included
  std::uint64_t binary_files = 0;  // of these, left because of a NUL byte or a hole
  std::uint64_t bytes = 0;         // read
  std::uint64_t hits = 0;

  Counts& operator+=(Counts const& other) {
    files += other.files;
    binary_files += other.binary_files;
    bytes += other.bytes;
    hits += other.hits;
    return *this;
  }
};

/// One answer of a Searcher: at most part_bytes_max.
struct Part {
  std::string text;  // hits as they are printed: path:line:text and a newline each
  std::vector<FileProblem> problems;
  Counts counts;
  std::uint64_t busy_us = 0;  // time the Searcher took
  Cursor next;                // where to go on, unless done
  bool done = false;
  bool line_open = false;  // text ends within a hit: print nothing else before the next Part of this Job
};

}  // namespace regex_search
