#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol.hpp"

namespace regex_search {

/// Makes one stream of hits from the answers of many jobs.
///
/// Sorted: in the order in which the jobs were opened. Unsorted: as the answers come, except that a hit sent in pieces stays
/// whole. At most one Part of each job is kept, because the next Part of a job is to be asked for only once the one before has
/// been put into the stream (`take_to_continue`). So the memory is jobs() × part_text_bytes_max: open a new job only while jobs()
/// is under jobs_in_flight_max. The job whose turn it is never waits for another, so the stream always moves.
///
/// Threads: one at a time.
class Output {
 public:
  explicit Output(bool sorted) : sorted_(sorted) {}

  /// A new job, numbered 0, 1, 2 … in walk order.
  std::uint64_t open();

  /// Jobs of which something is still to come or to be put into the stream.
  std::size_t jobs() const { return jobs_.size(); }

  /// Takes in an answer to an open job. Only its text, `done` and `line_open` are used.
  void add(std::uint64_t job, Part&& part);

  /// Ends a job that cannot be searched further. What it has found stands.
  void give_up(std::uint64_t job);

  /// The jobs whose next Part is to be asked for now; each is named once for each Part.
  std::vector<std::uint64_t> take_to_continue();

  /// What can be printed now.
  std::string take_ready();

 private:
  struct Waiting {
    std::string text;
    bool has_part = false;  // taken in and not yet put into the stream
    bool done = false;
    bool line_open = false;  // the text ends within a hit
  };

  void settle();
  bool has_turn(std::uint64_t job) const;

  bool sorted_;
  std::uint64_t next_job_ = 0;
  std::map<std::uint64_t, Waiting> jobs_;
  std::optional<std::uint64_t> within_hit_of_;  // the job whose hit the stream ends in
  std::vector<std::uint64_t> to_continue_;
  std::string ready_;
};

}  // namespace regex_search
