#include <chrono>
#include <corps/corps.hpp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "words.hpp"

using namespace std::chrono_literals;

namespace {

std::vector<std::string> const poem{
    "Tyger Tyger, burning bright,",      "In the forests of the night;",    "What immortal hand or eye,",
    "Could frame thy fearful symmetry?", "In what distant deeps or skies.", "Burnt the fire of thine eyes?",
};

}  // namespace

// [class]
class FirstCorps : public corps::Corps {
 public:
  explicit FirstCorps(corps::Config const& config)
      : counters_per_env_(config.get<std::uint32_t>("counters_per_env", 1)), top_(config.get<std::uint32_t>("top", 3)) {}

 private:
  corps::Task<> on_main() override;
  corps::Task<> count_the_poem();
  corps::Task<> meet_errors();
  corps::Task<> meet_a_deadline();

  std::uint32_t counters_per_env_;
  std::uint32_t top_;
  corps::Name<Tally> tally_;
  std::vector<corps::Name<Counter>> counters_;
};
// [/class]

// [on_main]
corps::Task<> FirstCorps::on_main() {
  tally_ = co_await corps::create<Tally>(corps::here());
  counters_ = co_await corps::create<Counter>(corps::per_env(counters_per_env_), 3U);
  co_await count_the_poem();
  co_await meet_errors();
  co_await meet_a_deadline();
}
// [/on_main]

// [count_the_poem]
corps::Task<> FirstCorps::count_the_poem() {
  std::vector<corps::Future<std::uint32_t>> answers;  // every line is under way at once
  for (std::size_t i = 0; i < poem.size(); ++i) {
    auto const counter = counters_[i % counters_.size()];
    answers.push_back(counter.call<&Counter::count_into>(tally_, poem[i]));
  }
  std::uint32_t words = 0;
  for (auto& answer : answers) words += co_await answer;

  auto const texts = co_await tally_.get<&Tally::texts>();
  std::printf("%u words in %u lines\n", words, texts);
  auto const top = co_await tally_.call<&Tally::top>(top_);
  for (auto const& entry : top) std::printf("%s: %u\n", entry.word.c_str(), entry.times);
}
// [/count_the_poem]

// [meet_errors]
corps::Task<> FirstCorps::meet_errors() {
  auto const counter = counters_.back();
  try {
    co_await counter.call<&Counter::count>("1, 2, 3!");
  } catch (corps::RemoteError const& error) {  // the method threw
    std::printf("RemoteError: %s: %s\n", error.type().c_str(), error.text().c_str());
  }

  corps::exit(counter);
  try {
    co_await counter.call<&Counter::count>("nobody counts this");
  } catch (corps::Error const& error) {  // the base of them all
    std::printf("%s, may have run: %s\n", corps::error_name(error.code()).data(), error.may_have_run() ? "yes" : "no");
  }
  counters_.pop_back();
}
// [/meet_errors]

// [meet_a_deadline]
corps::Task<> FirstCorps::meet_a_deadline() {
  auto const counter = co_await corps::create<Counter>(corps::here(), 1U);
  try {
    co_await counter.within(20ms).call<&Counter::think>(500ms);
  } catch (corps::Timeout const& error) {
    std::printf("Timeout, may have run: %s\n", error.may_have_run() ? "yes" : "no");
  }
}
// [/meet_a_deadline]

// [main]
int main(int argc, char** argv) { return corps::run<FirstCorps>(argc, argv); }
// [/main]
