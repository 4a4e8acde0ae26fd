#include "env/boot/internal/config_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace corps::startup {
namespace {

constexpr std::size_t printable_bytes_max = 160;

bool is_control(unsigned char byte) noexcept { return byte < 0x20 || byte == 0x7f; }

bool in(unsigned char byte, unsigned char low, unsigned char high) noexcept { return byte >= low && byte <= high; }

/// Bytes of the UTF-8 character at the front, 0 if there is none: no overlong forms, no surrogates, at most U+10FFFF.
std::size_t character_bytes(std::string_view text) noexcept {
  auto const at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : std::uint8_t{0}; };
  unsigned char const first = at(0);
  if (first < 0x80) return 1;
  if (in(first, 0xc2, 0xdf)) return in(at(1), 0x80, 0xbf) ? 2 : 0;
  if (in(first, 0xe0, 0xef)) {
    unsigned char const low = first == 0xe0 ? 0xa0 : 0x80;
    unsigned char const high = first == 0xed ? 0x9f : 0xbf;
    return in(at(1), low, high) && in(at(2), 0x80, 0xbf) ? 3 : 0;
  }
  if (in(first, 0xf0, 0xf4)) {
    unsigned char const low = first == 0xf0 ? 0x90 : 0x80;
    unsigned char const high = first == 0xf4 ? 0x8f : 0xbf;
    return in(at(1), low, high) && in(at(2), 0x80, 0xbf) && in(at(3), 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    if (shown.size() >= printable_bytes_max) return shown + "…";
    auto const bytes = character_bytes(text);
    auto const first = static_cast<unsigned char>(text.front());
    if (bytes == 0 || is_control(first)) {
      shown += fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
    } else {
      shown += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
  }
  return shown;
}

std::string in_quotes(std::string_view text) { return fmt::format("'{}'", printable(text)); }

std::size_t find_bad_utf8(std::string_view text) noexcept {
  for (std::size_t offset = 0; offset < text.size();) {
    auto const bytes = character_bytes(text.substr(offset));
    if (bytes == 0) return offset;
    offset += bytes;
  }
  return std::string_view::npos;
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    auto const bytes = character_bytes(text);
    auto const first = static_cast<unsigned char>(text.front());
    if (bytes == 0) {
      json += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      json += '\\';
      json += text.front();
    } else if (is_control(first)) {
      json += fmt::format("\\u{:04x}", first);
    } else {
      json += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return json + '"';
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      auto const replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace corps::startup
