#include "words.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

// [tally]
void Tally::add(Counts counts) {
  for (auto const& [word, times] : counts) sum_[word] += times;
  ++texts;
}
// [/tally]

std::vector<TopWord> Tally::top(std::uint32_t how_many) const {
  std::vector<TopWord> words;
  for (auto const& [word, times] : sum_) words.push_back({word, times});
  std::ranges::stable_sort(words, std::ranges::greater{}, &TopWord::times);
  words.resize(std::min<std::size_t>(how_many, words.size()));
  return words;
}

// [count]
Counts Counter::count(std::string text) const {
  Counts counts;
  std::istringstream in{std::move(text)};
  for (std::string word; in >> word;) {
    std::erase_if(word, [](unsigned char letter) { return std::isalpha(letter) == 0; });
    std::ranges::transform(word, word.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    if (word.size() >= letters_min_) ++counts[word];
  }
  if (counts.empty()) throw std::invalid_argument{"the text has no word in it"};
  return counts;
}
// [/count]

// [count_into]
corps::Task<std::uint32_t> Counter::count_into(corps::Name<Tally> tally, std::string text) {
  auto counts = count(std::move(text));  // a plain call of its own method
  std::uint32_t words = 0;
  for (auto const& [word, times] : counts) words += times;
  co_await tally.call<&Tally::add>(std::move(counts));  // a call of another Conc, wherever it lives
  co_return words;
}
// [/count_into]

void Counter::think(std::chrono::milliseconds how_long) { std::this_thread::sleep_for(how_long); }
