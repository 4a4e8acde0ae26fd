#include "output.hpp"

#include <utility>

namespace regex_search {

std::uint64_t Output::open() {
  jobs_.emplace(next_job_, Waiting{});
  return next_job_++;
}

void Output::add(std::uint64_t job, Part&& part) {
  auto const found = jobs_.find(job);
  if (found == jobs_.end()) return;  // given up meanwhile
  Waiting& waiting = found->second;
  waiting.text += part.text;
  waiting.has_part = true;
  waiting.done = part.done;
  waiting.line_open = part.line_open;
  settle();
}

void Output::give_up(std::uint64_t job) {
  auto const found = jobs_.find(job);
  if (found == jobs_.end()) return;
  Waiting& waiting = found->second;
  bool const ends_within_hit = waiting.has_part ? waiting.line_open : within_hit_of_ == job;
  if (ends_within_hit) waiting.text += '\n';
  waiting.has_part = true;
  waiting.done = true;
  waiting.line_open = false;
  settle();
}

std::vector<std::uint64_t> Output::take_to_continue() { return std::exchange(to_continue_, {}); }

std::string Output::take_ready() { return std::exchange(ready_, {}); }

bool Output::has_turn(std::uint64_t job) const {
  if (sorted_) return job == jobs_.begin()->first;
  return !within_hit_of_ || *within_hit_of_ == job;
}

/// Puts into the stream all that can go there.
void Output::settle() {
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    auto& [job, waiting] = *at;
    if (!waiting.has_part || !has_turn(job)) {
      ++at;
      continue;
    }
    ready_ += waiting.text;
    bool const hit_ended = within_hit_of_ == job && !waiting.line_open;
    if (waiting.line_open) {
      within_hit_of_ = job;
    } else if (hit_ended) {
      within_hit_of_.reset();
    }
    if (waiting.done) {
      jobs_.erase(at);
    } else {
      waiting = Waiting{};
      to_continue_.push_back(job);
    }
    at = jobs_.begin();  // the turn of another, perhaps of an earlier one, may have come
  }
}

}  // namespace regex_search
