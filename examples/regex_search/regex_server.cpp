#include "regex_server.hpp"

#include <utility>

namespace regex_search {
namespace {

// As grep has them.
constexpr int exit_hits = 0;
constexpr int exit_no_hits = 1;
constexpr int exit_problems = 2;

int exit_code(Outcome const& outcome) {
  if (!outcome.complete || outcome.problems > 0) return exit_problems;
  return outcome.hits > 0 ? exit_hits : exit_no_hits;
}

}  // namespace

Query parse_query(std::vector<std::string> const& arguments) {
  Query query;
  std::vector<std::string> words;
  for (auto const& argument : arguments) {
    if (argument == "--sort")
      query.sorted = true;
    else
      words.push_back(argument);
  }
  if (words.empty())
    throw corps::ConfigError{
        "no pattern; usage: regex_search [--config FILE] [--set key=value] [--envs N] -- [--sort] PATTERN [TREE...]"};
  query.pattern = words.front();
  query.roots.assign(words.begin() + 1, words.end());
  if (query.roots.empty()) query.roots.emplace_back(".");
  return query;
}

RegexServer::RegexServer(corps::Config const& config)
    : searchers_per_env_(config.get<std::uint32_t>("searchers_per_env", 1)), query_(parse_query(config.arguments())) {
  Matcher const checked{query_.pattern};  // a wrong pattern ends the program here, before any Searcher is made
}

corps::Task<> RegexServer::on_main() {
  auto const searchers = co_await corps::create<Searcher>(corps::per_env(searchers_per_env_), query_.pattern);
  Search search{query_, searchers, terminal_};
  auto const outcome = co_await search.run();
  corps::stop(exit_code(outcome));
}

}  // namespace regex_search
