#pragma once

#include <corps/corps.hpp>
#include <cstdint>
#include <string>

#include "search.hpp"
#include "terminal.hpp"

namespace regex_search {

/// The application: one search, as the arguments say, with Searchers in every Env.
class RegexServer : public corps::Corps {
 public:
  explicit RegexServer(corps::Config const& config);

 private:
  corps::Task<> on_main() override;

  std::uint32_t searchers_per_env_;
  Query query_;
  Terminal terminal_;
};

/// What the arguments ask for. Throws ConfigError with the usage.
Query parse_query(std::vector<std::string> const& arguments);

}  // namespace regex_search
