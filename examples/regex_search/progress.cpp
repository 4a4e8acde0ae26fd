#include "progress.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

namespace regex_search {
namespace {

constexpr std::size_t bar_columns = 20;

[[gnu::format(printf, 1, 2)]] std::string print(char const* format, ...) {
  std::array<char, 256> text{};
  va_list arguments;
  va_start(arguments, format);
  int const size = std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  return {text.data(), std::min(static_cast<std::size_t>(std::max(size, 0)), text.size() - 1)};
}

using Count = unsigned long long;

double seconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e6; }
double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }
double rate(double amount, double time) { return time > 0 ? amount / time : 0; }

std::string time_left(double left) {
  auto const whole = static_cast<Count>(left + 0.5);
  if (whole < 60) return print("%llu s left", whole);
  if (whole < 3600) return print("%llu:%02llu min left", whole / 60, whole % 60);
  return print("%llu:%02llu h left", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string Progress::update(Time now, Counts const& done, std::uint64_t problems, std::uint64_t files_found, bool walked) {
  if (!terminal_ || (shown_ && now - last_ < interval) || now - start_ < interval) return {};
  last_ = now;
  shown_ = true;
  std::uint64_t const files = std::min(done.files + problems, files_found);
  double const share = files_found > 0 ? static_cast<double>(files) / static_cast<double>(files_found) : 0;
  double const elapsed = seconds(now - start_);
  auto const filled = static_cast<std::size_t>(share * static_cast<double>(bar_columns));
  std::string line = "[" + std::string(filled, '#') + std::string(bar_columns - filled, ' ') + "]";
  line += print(" %llu of %llu%s files, %.1f MB, %llu hits, %.0f MB/s", Count{files}, Count{files_found}, walked ? "" : "+",
                megabytes(done.bytes), Count{done.hits}, rate(megabytes(done.bytes), elapsed));
  if (files > 0) line += ", " + time_left(elapsed * (1 - share) / share);
  if (columns_ > 0 && line.size() >= columns_) line.resize(columns_ - 1);  // a full last column would wrap
  return "\r" + line + "\x1b[K";
}

std::string Progress::clear() {
  if (!shown_) return {};
  shown_ = false;
  return "\r\x1b[K";
}

std::string summary(std::vector<Share> const& shares, std::uint64_t problems, std::chrono::microseconds elapsed) {
  Counts all;
  for (Share const& share : shares) all += share.counts;
  double const time = seconds(elapsed);
  std::string text =
      print("%llu hits in %llu files (%llu binary), %.1f MB in %.2f s, %.0f MB/s", Count{all.hits}, Count{all.files},
            Count{all.binary_files}, megabytes(all.bytes), time, rate(megabytes(all.bytes), time));
  if (problems > 0) text += print(", %llu could not be read", Count{problems});
  text += '\n';
  for (Share const& share : shares) {
    double const part = rate(megabytes(share.counts.bytes), megabytes(all.bytes)) * 100;
    text += print("  Env %-3u %8llu files %10.1f MB %3.0f %% %8llu hits %8.2f s busy\n", share.env, Count{share.counts.files},
                  megabytes(share.counts.bytes), part, Count{share.counts.hits}, seconds(share.busy));
  }
  return text;
}

}  // namespace regex_search
