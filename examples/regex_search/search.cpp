#include "search.hpp"

#include <algorithm>
#include <utility>

namespace regex_search {

using std::chrono::steady_clock;

Search::Search(Query query, std::vector<corps::Name<Searcher>> const& searchers, Terminal& terminal)
    : query_(std::move(query)),
      terminal_(terminal),
      output_(query_.sorted),
      progress_(terminal.shows_progress(), terminal.columns(), Progress::Time::zero()),
      begin_(steady_clock::now()) {
  for (auto const& searcher : searchers) {
    auto const drivers = searcher.address().env == corps::here().id ? drivers_near : drivers_far;
    lanes_.push_back({searcher, drivers, drivers});
    shares_[searcher.address().env].env = searcher.address().env;
  }
}

corps::Task<Outcome> Search::run() {
  start_idle_drivers();
  while (!drivers_.empty()) {
    auto driver = std::move(drivers_.front());
    drivers_.pop_front();
    co_await driver;
  }
  terminal_.say(progress_.clear());
  std::vector<Share> shares;
  for (auto const& [env, share] : shares_) shares.push_back(share);
  terminal_.say(summary(shares, problems_, elapsed()));
  bool const complete = walked_ && running_.empty() && !nobody_reads_;
  if (!complete && !nobody_reads_) terminal_.say("regex_search: no Searcher is left: the search is not complete\n");
  co_return Outcome{counts_.hits, problems_, complete};
}

corps::Task<> Search::drive(std::size_t index) {
  auto& lane = lanes_[index];
  while (!lane.lost && !nobody_reads_) {
    auto const work = next_work();
    if (!work) break;
    auto answer = lane.searcher.call<&Searcher::search>(running_.at(work->job).job, work->from);
    std::string lost;
    std::string failed;
    try {
      auto part = co_await answer;
      take_in(*work, std::move(part), lane.searcher.address().env);
    } catch (corps::WorkerLost const& error) {
      lost = error.what();
    } catch (corps::Error const& error) {  // the job itself cannot be done
      failed = error.what();
    }
    if (!lost.empty()) lose(index, *work, lost);
    if (!failed.empty()) give_up(work->job, failed);
    show();
    start_idle_drivers();
  }
  ++lane.idle_drivers;
}

/// One driver for each piece of work that could begin now, the Searchers in turn.
void Search::start_idle_drivers() {
  for (std::size_t round = 0; round < drivers_far; ++round) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      auto& lane = lanes_[i];
      bool const has_its_share = lane.drivers - lane.idle_drivers > round;
      if (lane.lost || lane.idle_drivers == 0 || has_its_share) continue;
      if (again_.empty() && !walk_on()) return;
      --lane.idle_drivers;
      drivers_.push_back(corps::spawn(drive(i)));
    }
  }
}

/// Sees to it that there is work in `again_`, if there is any to be had now.
bool Search::walk_on() {
  if (!again_.empty()) return true;
  Batch batch;
  while (!walked_ && output_.jobs() < jobs_in_flight_max) {
    if (!walk_) {
      if (next_root_ == query_.roots.size()) {
        walked_ = true;
        break;
      }
      walk_.emplace(query_.roots[next_root_++], terminal_.output_file());
    }
    if (!walk_->next(batch)) {
      files_of_walked_roots_ += walk_->files();
      walk_.reset();
      continue;
    }
    report(batch.problems);
    if (batch.files.empty()) continue;
    auto const job = output_.open();
    running_.emplace(job, Running{Job{query_.pattern, std::move(batch.files), batch.follow_links}, {}});
    again_.push_back({job, {}});
    return true;
  }
  return false;
}

std::optional<Search::Work> Search::next_work() {
  if (!walk_on()) return std::nullopt;
  auto const work = again_.front();
  again_.pop_front();
  return work;
}

void Search::take_in(Work const& work, Part part, corps::EnvId env) {
  auto& share = shares_[env];
  share.counts += part.counts;
  share.busy += std::chrono::microseconds{part.busy_us};
  counts_ += part.counts;
  report(part.problems);
  if (part.done)
    running_.erase(work.job);
  else
    running_.at(work.job).next = part.next;
  output_.add(work.job, std::move(part));
  for (auto const job : output_.take_to_continue()) again_.push_front({job, running_.at(job).next});
}

void Search::lose(std::size_t index, Work const& work, std::string const& why) {
  if (!std::exchange(lanes_[index].lost, true)) {
    terminal_.say(progress_.clear());
    terminal_.say("regex_search: a Searcher is lost, the others go on: " + why + "\n");
  }
  if (++running_.at(work.job).losses < losses_per_job_max)
    again_.push_front(work);
  else
    give_up(work.job, why);
}

void Search::give_up(std::uint64_t job, std::string const& why) {
  std::vector<FileProblem> problems;
  for (auto const& file : running_.at(job).job.files) problems.push_back({file, "not searched to its end: " + why});
  report(problems);
  running_.erase(job);
  output_.give_up(job);
}

void Search::report(std::vector<FileProblem> const& problems) {
  if (problems.empty()) return;
  terminal_.say(progress_.clear());
  for (auto const& problem : problems) terminal_.say("regex_search: " + problem.path + ": " + problem.reason + "\n");
  problems_ += problems.size();
}

void Search::show() {
  if (auto const hits = output_.take_ready(); !hits.empty()) {
    terminal_.say(progress_.clear());
    if (!terminal_.print(hits)) nobody_reads_ = true;
  }
  auto const found = files_of_walked_roots_ + (walk_ ? walk_->files() : 0);
  terminal_.say(progress_.update(elapsed(), counts_, problems_, found, walked_));
}

std::chrono::microseconds Search::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin_);
}

}  // namespace regex_search
