#pragma once

#include <corps/corps.hpp>
#include <string>

#include "matcher.hpp"
#include "protocol.hpp"
#include "scan.hpp"

namespace regex_search {

/// Searches files of its Env's host. Keeps nothing between two requests but its buffer and the compiled pattern.
class Searcher : public corps::Conc {
 public:
  explicit Searcher(std::string pattern);

  /// Goes on with the job at the cursor. Reads only, so a request may be sent again, to this or another Searcher.
  Part search(Job const& job, Cursor from);

 private:
  std::string pattern_;
  Matcher matcher_;
  Scanner scanner_;
};

}  // namespace regex_search
