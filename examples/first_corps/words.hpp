#pragma once

#include <chrono>
#include <corps/corps.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

// [types]
using Counts = std::map<std::string, std::uint32_t>;

struct TopWord {
  std::string word;
  std::uint32_t times = 0;
};
// [/types]

// [tally]
/// Adds up the counts of many texts.
class Tally : public corps::Conc {
 public:
  void add(Counts counts);
  std::vector<TopWord> top(std::uint32_t how_many) const;

  std::uint32_t texts = 0;  // a public member: read with get<&Tally::texts>()

 private:
  Counts sum_;
};
// [/tally]

// [counter]
/// Counts the words of one text at a time.
class Counter : public corps::Conc {
 public:
  explicit Counter(std::uint32_t letters_min) : letters_min_(letters_min) {}

  /// Throws std::invalid_argument for a text without any word.
  Counts count(std::string text) const;
  /// Counts, hands the counts to the tally, and answers with the number of words.
  corps::Task<std::uint32_t> count_into(corps::Name<Tally> tally, std::string text);
  /// Takes this long.
  void think(std::chrono::milliseconds how_long);

 private:
  std::uint32_t letters_min_;
};
// [/counter]
