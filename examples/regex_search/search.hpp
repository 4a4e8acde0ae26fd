#pragma once

#include <chrono>
#include <corps/corps.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "output.hpp"
#include "progress.hpp"
#include "protocol.hpp"
#include "searcher.hpp"
#include "terminal.hpp"
#include "walk.hpp"

namespace regex_search {

/// What was asked on the command line.
struct Query {
  std::string pattern;
  std::vector<std::string> roots;
  bool sorted = false;
};

/// How a search ended.
struct Outcome {
  std::uint64_t hits = 0;
  std::uint64_t problems = 0;
  bool complete = false;  // nothing was left out because Envs were lost, or because nobody reads the hits
};

/// One search of some trees with many Searchers. Belongs to one Worker, in whose turns it runs; must outlive `run`.
///
/// Every Searcher is kept busy by drivers: tasks that each have one request at it. A driver ends when there is nothing for
/// it to do at the moment, and is begun again when there is. So at most drivers_near or drivers_far requests wait at a
/// Searcher, and at most jobs_in_flight_max jobs are held here. What a lost Searcher had is given to others.
class Search {
 public:
  Search(Query query, std::vector<corps::Name<Searcher>> const& searchers, Terminal& terminal);

  corps::Task<Outcome> run();

 private:
  /// A Searcher of this Env shares its threads with the walk and the output: few requests wait at it, so that the others are
  /// served first and it gets what is left.
  static constexpr std::size_t drivers_near = 2;
  /// A Searcher in another Env must not run dry while this Env's threads are in the middle of a long request.
  static constexpr std::size_t drivers_far = 8;
  /// A job that so many Searchers were lost with is left out: it may be what ends them.
  static constexpr int losses_per_job_max = 3;

  struct Lane {
    corps::Name<Searcher> searcher;
    std::size_t drivers = 0;
    std::size_t idle_drivers = 0;
    bool lost = false;
  };
  struct Work {
    std::uint64_t job = 0;
    Cursor from;
  };
  struct Running {
    Job job;
    Cursor next;
    int losses = 0;  // of Searchers that had it
  };

  corps::Task<> drive(std::size_t lane);
  void start_idle_drivers();
  std::optional<Work> next_work();
  bool walk_on();
  void take_in(Work const& work, Part part, corps::EnvId env);
  void lose(std::size_t lane, Work const& work, std::string const& why);
  void give_up(std::uint64_t job, std::string const& why);
  void report(std::vector<FileProblem> const& problems);
  void show();
  std::chrono::microseconds elapsed() const;

  Query query_;
  Terminal& terminal_;
  Output output_;
  Progress progress_;
  std::vector<Lane> lanes_;
  std::deque<corps::Future<void>> drivers_;
  std::deque<Work> again_;  // of lost Searchers
  std::map<std::uint64_t, Running> running_;
  std::optional<Walk> walk_;
  std::size_t next_root_ = 0;
  std::uint64_t files_of_walked_roots_ = 0;
  bool walked_ = false;
  Counts counts_;
  std::map<corps::EnvId, Share> shares_;
  std::uint64_t problems_ = 0;
  bool nobody_reads_ = false;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace regex_search
