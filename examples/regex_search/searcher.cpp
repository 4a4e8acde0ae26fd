#include "searcher.hpp"

#include <chrono>
#include <utility>

namespace regex_search {

Searcher::Searcher(std::string pattern) : pattern_(std::move(pattern)), matcher_(pattern_) {}

Part Searcher::search(Job const& job, Cursor from) {
  auto const begin = std::chrono::steady_clock::now();
  auto part = scanner_.search(matcher_, job, from);
  auto const busy = std::chrono::steady_clock::now() - begin;
  part.busy_us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(busy).count());
  return part;
}

}  // namespace regex_search
